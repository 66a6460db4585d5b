-- Logs that are kept for ever. Grain: resource × rule × currency. A log that filled evenly since it was made has (keep / age) of
-- itself left when all older entries go: an estimate, and an upper bound for logs that grow.
with

found as (
    select
        resources.*,
        costs.effective_month as storage_effective_month,
        costs.contracted_month as storage_contracted_month,
        costs.list_month as storage_list_month
    from ({{ resources_under('log_retention') }}) as resources
    left join {{ ref('int_optimization__part_costs') }} as costs
        on
            {{ is_cost_of('costs', 'resources') }}
            and costs.meter_kind = 'log_storage'
    where resources.retention_days is null and resources.age_days > resources.log_keep_days
)

select
    {{ candidate_columns({
        'target': 'cast(cast(found.log_keep_days as integer) as varchar)',
        'current_config': json_of({'retention_days': 'found.retention_days'}),
        'recommended_config': json_of({'retention_days': 'found.log_keep_days'}),
        'cost_part': "'log_storage'",
        'effective_cost_month': 'found.storage_effective_month',
        'contracted_cost_month': 'found.storage_contracted_month',
        'list_cost_month': 'found.storage_list_month',
        'saved_share': share_of('found.age_days - found.log_keep_days', 'found.age_days'),
        'is_upper_bound': 'true',
        'is_automatable': 'false',
        'evidence': json_of({
            'created_at': 'found.created_at',
            'age_days': 'found.age_days',
            'keep_days': 'found.log_keep_days',
            'storage_effective_month': 'found.storage_effective_month'
        }),
        'data_gaps': json_words({'price': 'found.storage_contracted_month is null', 'growth': 'true'})
    }) }}
from found
