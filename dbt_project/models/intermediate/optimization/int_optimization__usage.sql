-- How busy resources were over the look-backs that rules ask for. Grain: source × resource × metric × look-back.
-- p95 is the largest of the days' 95th percentiles: that of all hours together is never above it. A metric without datapoints
-- has no row.
with

lookbacks as (
    select distinct lookback_days from {{ ref('int_optimization__rules') }} where signals like '%M%'
),

clock as (
    select run_date from {{ ref('int_optimization__clock') }}
)

select
    daily.usage_source,
    daily.provider,
    daily.resource_key,
    daily.metric,
    lookbacks.lookback_days,
    sum(daily.hours) as hours,
    count(*) as days,
    {{ steady('avg(daily.avg_value)') }} as avg_value,
    max(daily.peak_value) as peak_value,
    max(daily.p95_value) as p95_value,
    {{ steady('max(daily.avg_value)') }} as max_day_avg,
    {{ steady('sum(daily.sum_value)') }} as sum_value,
    {{ steady('max(daily.sum_value)') }} as max_day_sum,
    case when avg(daily.p95_value) > 0 then {{ steady('stddev_pop(daily.p95_value) / avg(daily.p95_value)') }} else 0 end as variation,
    sum(daily.hours) / cast(24 * lookbacks.lookback_days as double) as completeness
from {{ ref('int_optimization__usage_daily') }} as daily
cross join clock
inner join lookbacks on daily.day > {{ plus_days('clock.run_date', '-lookbacks.lookback_days') }} and daily.day <= clock.run_date
group by daily.usage_source, daily.provider, daily.resource_key, daily.metric, lookbacks.lookback_days
