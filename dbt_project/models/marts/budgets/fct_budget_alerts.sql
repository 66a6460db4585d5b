-- Thresholds that budgets reached, once each. Grain: budget × period × version × threshold × kind.
-- An alert stays as it was first raised: the step `budgets` keeps it (landing/results), and no later delivery or decision moves it.
-- What costs reach since that step ran last is shown as it will be kept.
with

unconverted as (
    select
        budget_id,
        period,
        max(unconverted_days) as unconverted_days
    from {{ ref('int_budgets__daily') }}
    group by budget_id, period
),

actual_alerts as (
    select
        coalesce(kept.budget_id, reached.budget_id) as budget_id,
        coalesce(kept.period, reached.period) as period,
        coalesce(kept.version, reached.version) as version,
        coalesce(kept.threshold_percent, reached.threshold_percent) as threshold_percent,
        coalesce(kept.alert_date, reached.alert_date) as alert_date,
        coalesce(kept.raised_on, reached.raised_on) as raised_on,
        coalesce(kept.cost, reached.cost) as cost,
        coalesce(kept.amount, reached.amount) as amount,
        coalesce(kept.raised_by, reached.raised_by) as raised_by,
        reached.budget_id is not null as is_reached
    from {{ ref('stg_results__budget_actual_alerts') }} as kept
    full outer join {{ ref('int_budgets__reached') }} as reached
        on
            kept.budget_id = reached.budget_id
            and kept.period = reached.period
            and kept.version = reached.version
            and kept.threshold_percent = reached.threshold_percent
),

alerts as (
    select
        actual_alerts.budget_id,
        actual_alerts.period,
        actual_alerts.version,
        actual_alerts.threshold_percent,
        'actual' as kind,
        actual_alerts.alert_date,
        actual_alerts.raised_on,
        actual_alerts.cost,
        actual_alerts.amount,
        actual_alerts.raised_by,
        cast(null as decimal(18, 6)) as probability,
        case
            when actual_alerts.is_reached then true
            when coalesce(unconverted.unconverted_days, 0) = 0 then false
        end as is_still_reached
    from actual_alerts
    left join unconverted
        on actual_alerts.budget_id = unconverted.budget_id and actual_alerts.period = unconverted.period
    union all
    select
        forecast.budget_id,
        forecast.period,
        forecast.version,
        forecast.threshold_percent,
        'forecast' as kind,
        forecast.alert_date,
        forecast.alert_date as raised_on,
        forecast.expected_cost as cost,
        forecast.amount,
        coalesce(forecast.raised_by, 0) as raised_by,
        forecast.probability,
        outlooks.expected_ratio * 100 >= forecast.threshold_percent as is_still_reached
    from {{ ref('stg_results__budget_forecast_alerts') }} as forecast
    left join {{ ref('stg_results__budget_outlooks') }} as outlooks
        on
            forecast.budget_id = outlooks.budget_id
            and forecast.period = outlooks.period
            and forecast.version = outlooks.version
)

select
    alerts.budget_id,
    alerts.period,
    alerts.version,
    alerts.threshold_percent,
    alerts.kind,
    alerts.alert_date,
    alerts.raised_on,
    {{ money('alerts.cost') }} as cost,
    -- Alerts of forecasts that an earlier release kept know no amount.
    {{ money('coalesce(alerts.amount, versions.amount)') }} as amount,
    {{ money('alerts.raised_by') }} as raised_by,
    {{ ratio('alerts.cost', '(coalesce(alerts.amount, versions.amount) + alerts.raised_by)') }} as cost_ratio,
    alerts.probability,
    alerts.is_still_reached,
    versions.currency,
    versions.owner,
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
inner join {{ ref('int_budgets__versions') }} as versions
    on
        alerts.budget_id = versions.budget_id
        and alerts.period = versions.period
        and alerts.version = versions.version
