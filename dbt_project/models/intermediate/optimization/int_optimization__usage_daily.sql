{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_replaced_usage_days() }}"
) }}
-- Hourly metrics, aggregated once: each landed day is read when it is new or changed. Grain: source × day × resource × metric.
-- Hours without datapoints are not there; they are never zero.
with

days as (
    select usage_source, day, day_version from {{ ref('stg_usage__days') }} where signal = 'metrics'
    {% if is_incremental() -%}
        and day_version not in (select known.day_version from {{ this }} as known)
    {%- endif %}
),

hours as (
    select
        metrics.usage_source,
        metrics.day,
        days.day_version,
        metrics.provider,
        metrics.resource_id,
        metrics.metric,
        metrics.avg_value,
        coalesce(metrics.max_value, metrics.avg_value) as peak_value,
        coalesce(metrics.p95_value, metrics.max_value, metrics.avg_value) as busy_value,
        metrics.sum_value
    from {{ ref('stg_usage__metrics') }} as metrics
    inner join days on metrics.usage_source = days.usage_source and metrics.day = days.day
)

select
    usage_source,
    day,
    day_version,
    provider,
    lower(resource_id) as resource_key,
    metric,
    cast(count(*) as integer) as hours,
    avg(avg_value) as avg_value,
    max(peak_value) as peak_value,
    {{ p95_of_hours('busy_value') }} as p95_value,
    sum(sum_value) as sum_value
from hours
group by usage_source, day, day_version, provider, resource_id, metric
