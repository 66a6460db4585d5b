-- Functions with at least twice the memory they ever used. Grain: resource × rule. Less memory is less processor, so they may run
-- longer: the saving is an upper bound until a tuning run says otherwise.
with

found as (
    select
        resources.*,
        usage.peak_value as used_mb,
        usage.hours,
        usage.days,
        -- The next step of 64 MB that holds the peak with headroom; 128 MB is the least there is.
        greatest(128, ceil(usage.peak_value * (1 + resources.mem_headroom) / 64) * 64) as target_mb
    from ({{ resources_under('function_memory') }}) as resources
    inner join {{ ref('int_optimization__usage') }} as usage
        on
            resources.usage_source = usage.usage_source
            and lower(resources.resource_id) = usage.resource_key
            and usage.metric = 'fn_memory_max_mb'
            and resources.lookback_days = usage.lookback_days
    where resources.memory_mb is not null
)

select
    {{ candidate_columns({
        'target': 'cast(cast(found.target_mb as integer) as varchar)',
        'current_config': json_of({'memory_mb': 'found.memory_mb'}),
        'recommended_config': json_of({'memory_mb': 'cast(found.target_mb as integer)'}),
        'normalised_ratio': ratio(measure('found.target_mb'), measure('found.memory_mb')),
        'observed_hours': 'found.hours',
        'expected_hours': '24 * found.lookback_days',
        'history_days': 'found.days',
        'metric_stat': "'max'",
        'metrics_factor': '0.5',
        'variation': '0',
        'is_upper_bound': 'true',
        'evidence': json_of({
            'used_mb': 'found.used_mb',
            'memory_mb': 'found.memory_mb',
            'at_most_pct': 'found.mem_max_pct',
            'headroom': 'found.mem_headroom',
            'contracted_cost_month': 'found.contracted_cost_month'
        }),
        'data_gaps': json_words({'price': 'found.currency is null', 'duration_at_less_memory': 'true'})
    }) }}
from found
where found.used_mb <= found.memory_mb * found.mem_max_pct / 100 and found.target_mb < found.memory_mb
