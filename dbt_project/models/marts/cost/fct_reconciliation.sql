-- Proof of conservation. Grain: stage × source × billing period × currency × metric.
-- landing: source file = landed file, but for the rounding of fractions beyond 12 decimals (its own stage).
-- ledger, allocation, statement: each equals the stage before, difference 0.
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
    difference,
    case when stage = 'rounding' then 'explained' when difference = 0 then 'ok' else 'broken' end as status
from stages
