-- What each budgeted scope cost, in reporting currency, and what its newest days are still expected to cost.
-- Grain: scope × value × day. Costs are effective and allocated. One currency without a rate makes the day NULL: it is never
-- counted as nothing. `late_cost` completes days by the history of late rows of their sources, as forecasts do; a day of which
-- too little is known for that is `is_unknown`, unless it has been so for 45 days.
with

sources as (
    select
        scope,
        scope_value,
        charge_date,
        x_source,
        currency,
        {{ money('sum(reporting_cost)') }} as cost,
        sum(unconverted) as unconverted
    from {{ ref('int_budgets__scoped') }}
    group by all
),

unfinished as (
    select * from {{ ref('int_completeness__known') }}
    where coalesce(known_share, 0) < 1 and charge_date > {{ plus_days('as_of_date', -45) }}
),

completed as (
    select
        sources.*,
        unfinished.charge_date is not null and unfinished.known_share is null as is_unknown,
        {{ money(ratio('sources.cost', 'unfinished.known_share')) }} as final_cost
    from sources
    left join unfinished
        on
            sources.x_source = unfinished.x_source
            and sources.currency = unfinished.billing_currency
            and sources.charge_date = unfinished.charge_date
)

select
    scope,
    scope_value,
    charge_date,
    case when sum(unconverted) = 0 then {{ money('sum(cost)') }} end as cost,
    case when sum(unconverted) = 0 then {{ money('sum(coalesce(final_cost - cost, 0))') }} end as late_cost,
    bool_or(is_unknown) as is_unknown
from completed
group by scope, scope_value, charge_date
