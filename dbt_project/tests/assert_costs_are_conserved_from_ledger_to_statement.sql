-- Ledger = daily = allocated = statements, per source, billing period, currency and metric, to the last decimal.
-- Says where it does not hold; the reconciliation mart adds the way from the source's files to the ledger.
with

stages as (
    select
        'ledger' as stage, x_source, x_billing_period as billing_period, billing_currency as currency,
        sum(billed_cost) as billed_cost, sum(effective_cost) as effective_cost
    from {{ ref('int_focus__charges') }}
    group by x_source, x_billing_period, billing_currency
    union all
    select
        'daily' as stage, x_source, billing_period, billing_currency as currency,
        sum(billed_cost) as billed_cost, sum(effective_cost) as effective_cost
    from {{ ref('fct_daily_costs') }}
    group by x_source, billing_period, billing_currency
    union all
    select
        'allocated' as stage, x_source, billing_period, currency,
        sum(allocated_billed_cost) as billed_cost, sum(allocated_cost) as effective_cost
    from {{ ref('fct_allocated_costs') }}
    group by x_source, billing_period, currency
    union all
    select
        'statements' as stage, x_source, billing_period, currency,
        sum(billed_amount) as billed_cost, sum(amount) as effective_cost
    from {{ ref('fct_chargeback') }}
    group by x_source, billing_period, currency
),

metrics as (
    select stage, x_source, billing_period, currency, 'billed_cost' as metric, billed_cost as total from stages
    union all
    select stage, x_source, billing_period, currency, 'effective_cost' as metric, effective_cost as total from stages
),

totals as (
    select
        x_source,
        billing_period,
        currency,
        metric,
        {%- for stage in ['ledger', 'daily', 'allocated', 'statements'] %}
        cast(sum(case stage when '{{ stage }}' then total else 0 end) as decimal(38, 12)) as {{ stage }}_total
            {{- ',' if not loop.last }}
        {%- endfor %}
    from metrics
    group by x_source, billing_period, currency, metric
),

told as (
    select
        string_agg(concat(
            x_source, ' ', billing_period, ' ', metric, ' in ', currency, ': ledger ', cast(ledger_total as varchar),
            ', daily ', cast(daily_total as varchar), ', allocated ', cast(allocated_total as varchar),
            ', statements ', cast(statements_total as varchar)
        ), '; ' order by x_source, billing_period, currency, metric) as message
    from totals
    where daily_total <> ledger_total or allocated_total <> ledger_total or statements_total <> ledger_total
)

select message
from told
where message is not null and {{ fail_with('message') }} is not null
