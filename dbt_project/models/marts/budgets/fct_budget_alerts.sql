-- Thresholds that budgets reached, once each. Grain: budget × period × version × threshold × kind.
-- Another version of a budget arms its thresholds again from the day on which it applies; nothing else does. Planned events raise the ceiling from day to day.
with

thresholds as (
    select
        budgets.budget_id,
        budgets.period,
        budgets.version,
        budgets.amount,
        budgets.owner,
        budgets.currency,
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
),

reached as (
    select
        thresholds.budget_id,
        thresholds.period,
        thresholds.version,
        thresholds.threshold_percent,
        min(daily.charge_date) as alert_date
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
    group by thresholds.budget_id, thresholds.period, thresholds.version, thresholds.threshold_percent
),

alerts as (
    select
        reached.budget_id,
        reached.period,
        reached.version,
        reached.threshold_percent,
        'actual' as kind,
        reached.alert_date,
        daily.spent as cost,
        daily.raised_by,
        cast(null as decimal(18, 6)) as probability
    from reached
    inner join ceilings as daily
        on
            reached.budget_id = daily.budget_id
            and reached.period = daily.period
            and reached.version = daily.version
            and reached.alert_date = daily.charge_date
    union all
    select
        forecast.budget_id,
        forecast.period,
        forecast.version,
        forecast.threshold_percent,
        'forecast' as kind,
        forecast.alert_date,
        forecast.expected_cost as cost,
        coalesce(whole.raised_by, 0) as raised_by,
        forecast.probability
    from {{ ref('stg_results__budget_forecast_alerts') }} as forecast
    left join (
        select budget_id, period, version, sum(raised_per_day * days) as raised_by
        from {{ ref('int_budgets__raised') }}
        group by budget_id, period, version
    ) as whole
        on
            forecast.budget_id = whole.budget_id
            and forecast.period = whole.period
            and forecast.version = whole.version
)

select
    alerts.budget_id,
    alerts.period,
    alerts.version,
    alerts.threshold_percent,
    alerts.kind,
    alerts.alert_date,
    {{ money('alerts.cost') }} as cost,
    {{ money('thresholds.amount') }} as amount,
    {{ money('alerts.raised_by') }} as raised_by,
    {{ ratio('alerts.cost', '(thresholds.amount + alerts.raised_by)') }} as cost_ratio,
    alerts.probability,
    thresholds.currency,
    thresholds.owner,
    -- 85 % warns, 95 % is critical and goes to the heads of finance and technology; what is over is a breach.
    case
        when alerts.threshold_percent >= 100 then 'breach'
        when alerts.threshold_percent >= 95 then 'critical'
        when alerts.threshold_percent >= 85 then 'warning'
        else 'notice'
    end as severity,
    case
        when alerts.threshold_percent >= 95 then 'owner,cfo,cto'
        else 'owner'
    end as escalate_to
from alerts
inner join thresholds
    on
        alerts.budget_id = thresholds.budget_id
        and alerts.period = thresholds.period
        and alerts.version = thresholds.version
        and alerts.threshold_percent = thresholds.threshold_percent
