-- FOCUS 1.4 Invoice Detail, derived from the charges that name their invoice.
-- Grain: invoice × issuer × billing account × billing period × charge category × currency.
-- Dates stand on the invoice only: they are those of the invoice that landed, if it has. Terms and references of payment do
-- not land: they are empty and named in x_gaps.
with

charges as (
    select
        invoice_id, invoice_issuer_name, billing_account_id, billing_period_start, billing_period_end, charge_category,
        billing_currency, x_source, x_billing_period,
        sum(billed_cost) as billed_cost
    from {{ ref('int_focus__charges') }}
    where invoice_id is not null
    group by all
),

deliveries as (
    select
        x_source,
        billing_period,
        min(landed_at) as first_landed_at,
        max(landed_at) as last_landed_at
    from {{ ref('stg_finops__delivery_chain') }}
    group by x_source, billing_period
),

periods as (
    select * from {{ ref('focus_billing_period') }}
),

invoices as (
    select
        x_source,
        invoice_id,
        min(issued_on) as issued_on,
        min(due_on) as due_on
    from {{ ref('stg_invoices__rows') }}
    group by x_source, invoice_id
)

select
    cast(sum(charges.billed_cost) as decimal(38, 12)) as BilledCost,
    cast(charges.billing_account_id as varchar) as BillingAccountId,
    cast(charges.billing_currency as varchar) as BillingCurrency,
    cast(charges.billing_period_end as timestamp) as BillingPeriodEnd,
    cast(charges.billing_period_start as timestamp) as BillingPeriodStart,
    cast(charges.charge_category as varchar) as ChargeCategory,
    cast(min(deliveries.first_landed_at) as timestamp) as InvoiceDetailCreated,
    cast(null as varchar) as InvoiceDetailDescription,
    cast(null as varchar) as InvoiceDetailGrain,
    cast({{ hash_of([
        'charges.invoice_id', 'charges.invoice_issuer_name', "coalesce(charges.billing_account_id, '')",
        'cast(charges.billing_period_start as varchar)', 'cast(charges.billing_period_end as varchar)',
        'charges.charge_category', 'charges.billing_currency',
    ]) }} as varchar) as InvoiceDetailId,
    cast(max(deliveries.last_landed_at) as timestamp) as InvoiceDetailLastUpdated,
    cast(charges.invoice_id as varchar) as InvoiceId,
    cast(min(invoices.issued_on) as timestamp) as InvoiceIssueDate,
    cast(case
        when min(invoices.issued_on) is not null or min(periods.BillingPeriodStatus) = 'Closed' then 'Issued'
        else 'Open'
    end as varchar) as InvoiceIssueStatus,
    cast(charges.invoice_issuer_name as varchar) as InvoiceIssuerName,
    cast(min(invoices.due_on) as timestamp) as PaymentDueDate,
    cast(null as varchar) as PaymentTerms,
    cast(null as varchar) as ReferenceInvoiceId,
    cast('PaymentTerms,ReferenceInvoiceId' as varchar) as x_gaps
from charges
left join deliveries on charges.x_source = deliveries.x_source and charges.x_billing_period = deliveries.billing_period
left join invoices on charges.x_source = invoices.x_source and charges.invoice_id = invoices.invoice_id
left join periods
    on
        charges.invoice_issuer_name = periods.InvoiceIssuerName
        and charges.billing_period_start = periods.BillingPeriodStart
        and charges.billing_period_end = periods.BillingPeriodEnd
group by
    charges.invoice_id, charges.invoice_issuer_name, charges.billing_account_id, charges.billing_period_start,
    charges.billing_period_end, charges.charge_category, charges.billing_currency
