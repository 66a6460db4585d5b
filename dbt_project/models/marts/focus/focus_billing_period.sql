-- FOCUS 1.4 Billing Period, derived from the ledger and its deliveries. Grain: issuer × billing period.
with

charges as (
    select distinct invoice_issuer_name, billing_period_start, billing_period_end, x_source, x_billing_period
    from {{ ref('int_focus__charges') }}
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

readiness as (
    select x_source, billing_period, is_safe_to_close from {{ ref('rpt_close_readiness') }}
)

select
    cast(min(deliveries.first_landed_at) as timestamp) as BillingPeriodCreated,
    cast(charges.billing_period_end as timestamp) as BillingPeriodEnd,
    cast(max(deliveries.last_landed_at) as timestamp) as BillingPeriodLastUpdated,
    cast(charges.billing_period_start as timestamp) as BillingPeriodStart,
    -- Providers do not tell: closed is what, by its own history, no longer changes, for every source that has it.
    cast(case when min(case when readiness.is_safe_to_close then 1 else 0 end) = 1 then 'Closed' else 'Open' end as varchar)
        as BillingPeriodStatus,
    cast(charges.invoice_issuer_name as varchar) as InvoiceIssuerName
from charges
left join deliveries on charges.x_source = deliveries.x_source and charges.x_billing_period = deliveries.billing_period
left join readiness on charges.x_source = readiness.x_source and charges.x_billing_period = readiness.billing_period
group by charges.invoice_issuer_name, charges.billing_period_start, charges.billing_period_end
