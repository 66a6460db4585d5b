-- What nobody talks to: balancers, NAT gateways, databases, caches, functions. Grain: resource × rule.
-- Every day of the look-back must have been measured; a silent meter is unknown, not idle.
with

found as (
    select
        resources.*,
        usage.hours,
        usage.days,
        usage.completeness,
        usage.peak_value,
        usage.max_day_sum,
        -- Connections are a level, everything else is counted.
        case when resources.metric = 'db_connections' then usage.peak_value else usage.max_day_sum end as activity
    from ({{ resources_under('quiet') }}) as resources
    inner join {{ ref('int_optimization__usage') }} as usage
        on
            resources.usage_source = usage.usage_source
            and lower(resources.resource_id) = usage.resource_key
            and resources.metric = usage.metric
            and resources.lookback_days = usage.lookback_days
    where resources.replica_of is null and coalesce(resources.state, 'active') not in ('stopped', 'deallocated')
)

select
    {{ candidate_columns({
        'current_config': json_of({'sku': 'found.sku', 'engine': 'found.engine', 'state': 'found.state'}),
        'recommended_config': json_of({'state': "case found.action_type when 'Stop' then 'stopped' else 'deleted' end"}),
        'saved_share': '1',
        'observed_hours': 'found.hours',
        'expected_hours': '24 * found.lookback_days',
        'history_days': 'found.days',
        'metric_stat': "case when found.metric = 'db_connections' then 'max' else 'largest daily sum' end",
        'metrics_factor': '1',
        'variation': '0',
        'evidence': json_of({
            'metric': 'found.metric',
            'busiest': 'found.activity',
            'at_most': 'found.activity_max_day',
            'days': 'found.days',
            'hours_measured': 'found.hours',
            'effective_cost_month': 'found.effective_cost_month'
        }),
        'data_gaps': json_words({'price': 'found.currency is null'})
    }) }}
from found
where
    found.activity <= found.activity_max_day
    and found.completeness >= found.min_completeness
    and coalesce(found.age_days, 0) >= found.lookback_days
