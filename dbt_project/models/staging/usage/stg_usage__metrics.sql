-- How busy resources were, hour by hour; hours without datapoints have no row. Grain: source × day × resource × metric × hour.
select
    source as usage_source,
    day,
    provider,
    resource_id,
    metric,
    hour as metric_hour,
    avg as avg_value,
    max as max_value,
    sum as sum_value,
    p95 as p95_value,
    p99 as p99_value,
    sample_count
from {{ landed_usage('metrics') }}
