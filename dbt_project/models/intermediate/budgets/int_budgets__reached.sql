-- Thresholds that budgets have reached by the costs that are known now. Grain: budget × period × version × threshold.
-- Another version of a budget arms its thresholds again from the day on which it applies; nothing else does. Planned events raise
-- the ceiling from day to day. `raised_on` is the newest day with costs: who raises an alert now knows that much.
with

known as (
    select max(charge_date) as as_of_date from {{ ref('int_budgets__scope_costs') }}
),

thresholds as (
    select
        budgets.budget_id,
        budgets.period,
        budgets.version,
        budgets.amount,
        budgets.applies_from,
        budgets.applies_to,
        limits.threshold_percent
    from {{ ref('int_budgets__versions') }} as budgets
    -- Days are those of the scope as it is now.
    inner join {{ ref('int_budgets__current') }} as current_budgets
        on
            budgets.budget_id = current_budgets.budget_id
            and budgets.period = current_budgets.period
            and budgets.scope = current_budgets.scope
            and coalesce(budgets.scope_value, '') = coalesce(current_budgets.scope_value, '')
    inner join {{ ref('stg_decisions__budget_thresholds') }} as limits
        on budgets.budget_id = limits.budget_id and budgets.period = limits.period and budgets.version = limits.version
    where budgets.amount > 0
),

ceilings as (
    select
        daily.budget_id,
        daily.period,
        versions.version,
        daily.charge_date,
        daily.spent,
        daily.unconverted_days,
        {{ money('''coalesce(sum(events.raised_per_day * greatest(0, least(
            ''' ~ dbt.datediff('events.first_day', 'events.last_day', 'day') ~ ''',
            ''' ~ dbt.datediff('events.first_day', 'daily.charge_date', 'day') ~ ''' + 1
        ))), 0)''') }} as raised_by
    from {{ ref('int_budgets__daily') }} as daily
    inner join {{ ref('int_budgets__versions') }} as versions
        on daily.budget_id = versions.budget_id and daily.period = versions.period
    left join {{ ref('int_budgets__raised') }} as events
        on
            versions.budget_id = events.budget_id
            and versions.period = events.period
            and versions.version = events.version
    group by
        daily.budget_id, daily.period, versions.version, daily.charge_date, daily.spent, daily.unconverted_days
)

select
    thresholds.budget_id,
    thresholds.period,
    thresholds.version,
    thresholds.threshold_percent,
    min(daily.charge_date) as alert_date,
    any_value(known.as_of_date) as raised_on,
    {{ money('min_by(daily.spent, daily.charge_date)') }} as cost,
    {{ money('any_value(thresholds.amount)') }} as amount,
    {{ money('min_by(daily.raised_by, daily.charge_date)') }} as raised_by
from thresholds
inner join ceilings as daily
    on
        thresholds.budget_id = daily.budget_id
        and thresholds.period = daily.period
        and thresholds.version = daily.version
        and daily.charge_date >= thresholds.applies_from
        and daily.charge_date < thresholds.applies_to
        and daily.unconverted_days = 0
        and daily.spent * 100 >= (thresholds.amount + daily.raised_by) * thresholds.threshold_percent
cross join known
group by thresholds.budget_id, thresholds.period, thresholds.version, thresholds.threshold_percent
