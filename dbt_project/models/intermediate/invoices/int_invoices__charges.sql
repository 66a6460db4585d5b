-- Billed cost by the invoice that should ask for it. Grain: bill × billing period × currency × match key × seller.
-- A charge that names its invoice belongs to that one; any other to its seller's own invoice where there is one, else to
-- the provider's.
with

charges as (
    select
        x_source,
        x_billing_period as billing_period,
        billing_currency as charge_currency,
        invoice_id,
        case when service_provider_name <> provider_name then service_provider_name end as seller,
        sum(billed_cost) as billed_cost,
        sum(case when charge_category = 'Tax' then 1 else 0 end) as tax_charges,
        sum(case when charge_category = 'Credit' then 1 else 0 end) as credit_charges
    from {{ ref('int_focus__charges') }}
    group by x_source, x_billing_period, billing_currency, invoice_id, 5
),

sellers as (
    select distinct x_source, billing_period, charge_currency, lower(seller) as seller
    from {{ ref('int_invoices__totals') }}
    where seller is not null
)

select
    charges.x_source,
    charges.billing_period,
    charges.charge_currency,
    case
        when charges.invoice_id is not null then 'id:' || charges.invoice_id
        when sellers.seller is not null then 'seller:' || sellers.seller
        else 'main'
    end as match_key,
    charges.invoice_id,
    charges.seller,
    sum(charges.billed_cost) as billed_cost,
    sum(charges.tax_charges) as tax_charges,
    sum(charges.credit_charges) as credit_charges
from charges
left join sellers
    on
        charges.x_source = sellers.x_source
        and charges.billing_period = sellers.billing_period
        and charges.charge_currency = sellers.charge_currency
        and lower(charges.seller) = sellers.seller
group by charges.x_source, charges.billing_period, charges.charge_currency, 4, charges.invoice_id, charges.seller
