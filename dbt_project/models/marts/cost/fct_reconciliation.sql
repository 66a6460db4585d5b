-- Proof of conservation. Grain: stage × source × billing period × currency × metric.
-- landing: source file = landed file, but for the rounding of fractions beyond 12 decimals (its own stage).
-- ledger, allocation, statement: each equals the stage before, difference 0.
-- invoice: ledger = the provider's own invoices, but for the named differences (stages invoice_*). In the invoices' currency.
with

-- Which of two sets of cost columns a delivery's charges were read from, where its export has two.
cost_columns as (
    select x_source, x_billing_period as billing_period, max(x_cost_columns) as cost_columns
    from {{ ref('int_focus__charges') }}
    group by all
),

control as (
    select
        totals.x_source,
        totals.billing_period,
        totals.currency,
        sum(totals.source_total) as source_total,
        sum(totals.rounding_total) as rounding_total,
        sum(totals.landed_total) as landed_total
    from {{ ref('stg_finops__control_totals') }} as totals
    left join cost_columns using (x_source, billing_period)
    -- What the invoice is made of; other cost columns and amortised copies are other views of the same charges.
    where
        totals.is_billed
        and (totals.cost_columns is null or totals.cost_columns = coalesce(cost_columns.cost_columns, 'unblended'))
    group by totals.x_source, totals.billing_period, totals.currency
),

ledger as (
    select
        x_source,
        x_billing_period as billing_period,
        billing_currency as currency,
        sum(billed_cost) as billed_cost,
        sum(effective_cost) as effective_cost
    from {{ ref('int_focus__charges') }}
    group by all
),

allocated as (
    select
        x_source,
        billing_period,
        currency,
        sum(allocated_billed_cost) as billed_cost,
        sum(allocated_cost) as effective_cost
    from {{ ref('fct_allocated_costs') }}
    group by all
),

statements as (
    select
        x_source,
        billing_period,
        currency,
        sum(billed_amount) as billed_cost,
        sum(amount) as effective_cost
    from {{ ref('fct_chargeback') }}
    group by all
),

-- What sellers invoice themselves is a named difference of the provider's invoices.
invoiced as (
    select
        x_source,
        billing_period,
        currency,
        sum(ledger_total) as ledger_total,
        sum(case when seller is null then invoice_total end) as invoice_total,
        sum(case when seller is null then unexplained end) as unexplained,
        sum(case when seller is null then tax_difference else 0 end) as tax,
        sum(case when seller is null then credit_difference else 0 end) as credit,
        sum(case when seller is null then marketplace_difference else -ledger_total end) as marketplace,
        sum(case when seller is null then late_difference else 0 end) as late,
        sum(case when seller is null then fx_difference else 0 end) as fx,
        sum(case when seller is null then rounding_difference else 0 end) as rounding,
        max(case when status = 'unexplained' and seller is null then 1 else 0 end) as is_broken
    from {{ ref('fct_invoice_reconciliation') }}
    where x_source in (select r.x_source from {{ ref('stg_invoices__rows') }} as r)
    group by x_source, billing_period, currency
    having
        sum(case when seller is null then invoice_total end) is not null
        and sum(case when seller is null and invoice_total is null then 1 else 0 end) = 0
),

invoice_stages as (
    select *, 'invoice' as stage, unexplained as difference from invoiced
    union all
    select *, 'invoice_tax' as stage, tax as difference from invoiced
    union all
    select *, 'invoice_credit' as stage, credit as difference from invoiced
    union all
    select *, 'invoice_marketplace' as stage, marketplace as difference from invoiced
    union all
    select *, 'invoice_late' as stage, late as difference from invoiced
    union all
    select *, 'invoice_fx' as stage, fx as difference from invoiced
    union all
    select *, 'invoice_rounding' as stage, rounding as difference from invoiced
),

scopes as (
    select x_source, billing_period, currency from control
    union
    select x_source, billing_period, currency from ledger
    union
    select x_source, billing_period, currency from allocated
    union
    select x_source, billing_period, currency from statements
),

metrics as (
    select
        scopes.x_source,
        scopes.billing_period,
        scopes.currency,
        'billed_cost' as metric,
        control.source_total,
        control.rounding_total,
        control.landed_total,
        ledger.billed_cost as ledger_total,
        allocated.billed_cost as allocated_total,
        statements.billed_cost as statement_total
    from scopes
    left join control using (x_source, billing_period, currency)
    left join ledger using (x_source, billing_period, currency)
    left join allocated using (x_source, billing_period, currency)
    left join statements using (x_source, billing_period, currency)
    union all
    select
        scopes.x_source,
        scopes.billing_period,
        scopes.currency,
        'effective_cost' as metric,
        cast(null as decimal(38, 12)) as source_total,
        cast(null as decimal(38, 25)) as rounding_total,
        cast(null as decimal(38, 12)) as landed_total,
        ledger.effective_cost as ledger_total,
        allocated.effective_cost as allocated_total,
        statements.effective_cost as statement_total
    from scopes
    left join ledger using (x_source, billing_period, currency)
    left join allocated using (x_source, billing_period, currency)
    left join statements using (x_source, billing_period, currency)
),

-- Every branch in one type: a union of two decimals keeps the fewer decimals of them.
stages as (
    select *, 'rounding' as stage, cast(rounding_total as decimal(38, 18)) as difference
    from metrics where source_total is not null
    union all
    select *, 'landing' as stage, cast(landed_total - source_total as decimal(38, 18)) as difference
    from metrics where source_total is not null
    union all
    select *, 'ledger' as stage, cast(coalesce(ledger_total, 0) - coalesce(landed_total, 0) as decimal(38, 18)) as difference
    from metrics where metric = 'billed_cost'
    union all
    select *, 'allocation' as stage, cast(coalesce(allocated_total, 0) - coalesce(ledger_total, 0) as decimal(38, 18)) as difference
    from metrics
    union all
    select *, 'statement' as stage, cast(coalesce(statement_total, 0) - coalesce(allocated_total, 0) as decimal(38, 18)) as difference
    from metrics
)

select
    stage,
    x_source,
    billing_period,
    currency,
    metric,
    cast(source_total + cast(rounding_total as decimal(38, 12)) as decimal(38, 12)) as source_total,
    cast(landed_total as decimal(38, 12)) as landed_total,
    cast(ledger_total as decimal(38, 12)) as ledger_total,
    cast(allocated_total as decimal(38, 12)) as allocated_total,
    cast(statement_total as decimal(38, 12)) as statement_total,
    cast(null as decimal(38, 12)) as invoice_total,
    difference,
    case when stage = 'rounding' then 'explained' when difference = 0 then 'ok' else 'broken' end as status
from stages
union all
select
    stage,
    x_source,
    billing_period,
    currency,
    'billed_cost' as metric,
    cast(null as decimal(38, 12)) as source_total,
    cast(null as decimal(38, 12)) as landed_total,
    cast(ledger_total as decimal(38, 12)) as ledger_total,
    cast(null as decimal(38, 12)) as allocated_total,
    cast(null as decimal(38, 12)) as statement_total,
    cast(invoice_total as decimal(38, 12)) as invoice_total,
    cast(difference as decimal(38, 18)) as difference,
    case
        when stage <> 'invoice' then 'explained'
        when difference = 0 then 'ok'
        when is_broken = 1 then 'broken'
        else 'explained'
    end as status
from invoice_stages
where stage = 'invoice' or difference <> 0
