-- What each budgeted scope cost, in reporting currency, and what its newest days are still expected to cost.
-- Grain: scope × value × day. Costs are effective and allocated. One currency without a rate makes the day NULL: it is never
-- counted as nothing. `late_cost` completes days by the history of late rows of their sources, as forecasts do; a day of which
-- too little is known for that is `is_unknown`, unless it has been so for 45 days. So is a day that a source of the scope has not
-- reached, unless it is a week behind all others: then it has ended.
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

reached as (
    select
        x_source,
        max(charge_date) as last_day
    from {{ ref('int_completeness__known') }}
    where known_share is not null
    group by x_source
),

days as (
    select distinct charge_date from sources
),

newest as (
    select max(charge_date) as newest_day from days
),

awaited as (
    select distinct
        sources.scope,
        sources.scope_value,
        days.charge_date
    from sources
    cross join newest
    inner join reached on sources.x_source = reached.x_source
    inner join days on reached.last_day < days.charge_date
    where
        reached.last_day >= {{ plus_days('newest.newest_day', -7) }}
        and sources.charge_date > {{ plus_days('newest.newest_day', -45) }}
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
from (
    select scope, scope_value, charge_date, cost, final_cost, unconverted, is_unknown from completed
    union all
    select scope, scope_value, charge_date, {{ money('0') }} as cost, null as final_cost, 0 as unconverted, true as is_unknown
    from awaited
) as with_awaited
group by scope, scope_value, charge_date
