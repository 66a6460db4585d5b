-- A pair's differences sum to what its two deliveries cost in all: nothing is lost or counted twice between them.
with

totals as (
    select x_delivery_version, billing_currency, sum(billed_cost) as billed, sum(effective_cost) as effective
    from {{ ref('int_deliveries__daily_totals') }}
    where models_version = '{{ var("models_version") }}'
    group by x_delivery_version, billing_currency
),

expected as (
    select
        chain.x_source, chain.billing_period, chain.sequence, totals.billing_currency,
        totals.billed, totals.effective
    from {{ ref('stg_finops__delivery_chain') }} as chain
    inner join totals on chain.delivery_version = totals.x_delivery_version
    union all
    select
        chain.x_source, chain.billing_period, chain.sequence, totals.billing_currency,
        -totals.billed as billed, -totals.effective as effective
    from {{ ref('stg_finops__delivery_chain') }} as chain
    inner join totals on chain.previous_version = totals.x_delivery_version
    union all
    select
        x_source, billing_period, to_sequence as sequence, billing_currency,
        -billed_difference as billed, -effective_difference as effective
    from {{ ref('fct_restatements') }}
),

-- Only pairs whose both sides the present models computed can be added up again.
comparable as (
    select chain.x_source, chain.billing_period, chain.sequence
    from {{ ref('stg_finops__delivery_chain') }} as chain
    inner join {{ ref('dim_deliveries') }} as deliveries
        on
            chain.x_source = deliveries.x_source
            and chain.billing_period = deliveries.billing_period
            and chain.sequence = deliveries.sequence
    where
        deliveries.is_compared
        and (chain.row_count = 0 or chain.delivery_version in (select t.x_delivery_version from totals as t))
        and (chain.previous_row_count = 0 or chain.previous_version in (select t.x_delivery_version from totals as t))
)

select
    expected.x_source,
    expected.billing_period,
    expected.sequence,
    expected.billing_currency,
    sum(expected.billed) as billed,
    sum(expected.effective) as effective
from expected
inner join comparable
    on
        expected.x_source = comparable.x_source
        and expected.billing_period = comparable.billing_period
        and expected.sequence = comparable.sequence
group by expected.x_source, expected.billing_period, expected.sequence, expected.billing_currency
having sum(expected.billed) <> 0 or sum(expected.effective) <> 0
