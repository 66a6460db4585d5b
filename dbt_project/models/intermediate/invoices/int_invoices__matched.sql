-- Invoices beside the charges that they should ask for. Grain: bill × billing period × charge currency × match key × currency.
-- Invoices that no charge names are compared together: nothing says which of them asks for which charge. What a seller
-- invoices itself leaves the provider's invoice (marketplace) and stands at the seller's, whether that has come or not.
with

charges as (
    select * from {{ ref('int_invoices__charges') }}
),

named as (
    select distinct x_source, billing_period, charge_currency, invoice_id from charges where invoice_id is not null
),

totals as (
    select
        totals.*,
        case
            when named.invoice_id is not null then 'id:' || named.invoice_id
            when totals.seller is not null then 'seller:' || lower(totals.seller)
            else 'main'
        end as match_key
    from {{ ref('int_invoices__totals') }} as totals
    left join named
        on
            totals.x_source = named.x_source
            and totals.billing_period = named.billing_period
            and totals.charge_currency = named.charge_currency
            and totals.invoice_id = named.invoice_id
),

invoiced as (
    select
        x_source,
        billing_period,
        charge_currency,
        match_key,
        currency,
        string_agg(invoice_id, ' + ' order by invoice_id) as invoice_id,
        max(seller) as seller,
        min(issued_on) as issued_on,
        min(exchange_rate) as exchange_rate,
        count(*) as invoice_count,
        sum(line_count) as line_count,
        sum(marketplace_lines) as marketplace_lines,
        sum(invoice_total) as invoice_total,
        sum(tax) as tax,
        sum(credit) as credit,
        sum(fx) as fx,
        sum(late) as late,
        -- Charges stand once, also where two currencies ask for them.
        row_number() over (
            partition by x_source, billing_period, charge_currency, match_key
            order by case when currency = charge_currency then 0 else 1 end, currency
        ) as currency_rank
    from totals
    group by x_source, billing_period, charge_currency, match_key, currency
),

own as (
    select * from invoiced where currency_rank = 1
),

charged as (
    select
        x_source,
        billing_period,
        charge_currency,
        match_key,
        max(seller) as seller,
        sum(billed_cost) as billed_cost,
        sum(tax_charges) as tax_charges,
        sum(credit_charges) as credit_charges
    from charges
    group by x_source, billing_period, charge_currency, match_key
),

moved as (
    select
        charges.x_source,
        charges.billing_period,
        charges.charge_currency,
        charges.match_key as from_key,
        'seller:' || lower(charges.seller) as to_key,
        max(charges.seller) as seller,
        sum(charges.billed_cost) as amount
    from charges
    left join own
        on
            charges.x_source = own.x_source
            and charges.billing_period = own.billing_period
            and charges.charge_currency = own.charge_currency
            and charges.match_key = own.match_key
    left join own as sellers
        on
            charges.x_source = sellers.x_source
            and charges.billing_period = sellers.billing_period
            and charges.charge_currency = sellers.charge_currency
            and 'seller:' || lower(charges.seller) = sellers.match_key
    where
        charges.seller is not null
        and charges.match_key <> 'seller:' || lower(charges.seller)
        and own.seller is null
        -- The seller's invoice has come, or the provider's own lines show no marketplace charge.
        and (sellers.match_key is not null or (own.line_count > 0 and own.marketplace_lines = 0))
    group by charges.x_source, charges.billing_period, charges.charge_currency, charges.match_key, 5
),

moves as (
    select x_source, billing_period, charge_currency, from_key as match_key, cast(null as varchar) as seller, -amount as amount
    from moved
    union all
    select x_source, billing_period, charge_currency, to_key as match_key, seller, amount from moved
),

marketplace as (
    select
        x_source,
        billing_period,
        charge_currency,
        match_key,
        max(seller) as seller,
        sum(amount) as amount
    from moves
    group by x_source, billing_period, charge_currency, match_key
),

scopes as (
    select x_source, billing_period, charge_currency, match_key from invoiced
    union
    select x_source, billing_period, charge_currency, match_key from charged where billed_cost <> 0
    union
    select x_source, billing_period, charge_currency, match_key from marketplace
)

select
    scopes.x_source,
    scopes.billing_period,
    scopes.charge_currency,
    scopes.match_key,
    coalesce(invoiced.currency, scopes.charge_currency) as currency,
    coalesce(
        invoiced.invoice_id, case when scopes.match_key like 'id:%' then substr(scopes.match_key, 4) end, '~missing'
    ) as invoice_id,
    coalesce(
        invoiced.seller, marketplace.seller, case when scopes.match_key like 'seller:%' then charged.seller end
    ) as seller,
    invoiced.issued_on,
    invoiced.exchange_rate,
    coalesce(invoiced.invoice_count, 0) as invoice_count,
    coalesce(invoiced.line_count, 0) as line_count,
    invoiced.invoice_total,
    case when coalesce(invoiced.currency_rank, 1) = 1 then coalesce(charged.billed_cost, 0) else 0 end as charges_total,
    case when coalesce(invoiced.currency_rank, 1) = 1 then coalesce(marketplace.amount, 0) else 0 end as marketplace,
    -- Taxes and credits explain a difference where the bill has none at all; otherwise both sides have to agree.
    case when coalesce(charged.tax_charges, 0) = 0 then coalesce(invoiced.tax, 0) else 0 end as tax,
    case when coalesce(charged.credit_charges, 0) = 0 then coalesce(invoiced.credit, 0) else 0 end as credit,
    coalesce(invoiced.fx, 0) as fx,
    coalesce(invoiced.late, 0) as late
from scopes
left join invoiced
    on
        scopes.x_source = invoiced.x_source
        and scopes.billing_period = invoiced.billing_period
        and scopes.charge_currency = invoiced.charge_currency
        and scopes.match_key = invoiced.match_key
left join charged
    on
        scopes.x_source = charged.x_source
        and scopes.billing_period = charged.billing_period
        and scopes.charge_currency = charged.charge_currency
        and scopes.match_key = charged.match_key
left join marketplace
    on
        scopes.x_source = marketplace.x_source
        and scopes.billing_period = marketplace.billing_period
        and scopes.charge_currency = marketplace.charge_currency
        and scopes.match_key = marketplace.match_key
