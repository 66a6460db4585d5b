-- Machines that are stopped and still paid for, because their host is still theirs. Grain: resource × rule.
with

found as (
    select * from ({{ resources_under('stopped') }}) as resources
    where
        state = 'stopped'
        and {{ days_from('coalesce(cast(state_changed_at as date), valid_from)', 'run_date') }} >= min_age_days
)

select
    {{ candidate_columns({
        'current_config': json_of({'sku': 'found.sku', 'state': "'stopped'"}),
        'recommended_config': json_of({'state': "'deallocated'"}),
        'cost_part': "'vm_compute'",
        'effective_cost_month': 'found.compute_effective_month',
        'contracted_cost_month': 'found.compute_contracted_month',
        'list_cost_month': 'found.compute_list_month',
        'saved_share': '1',
        'evidence': json_of({
            'state': 'found.state',
            'stopped_since': 'coalesce(cast(found.state_changed_at as date), found.valid_from)',
            'compute_effective_month': 'found.compute_effective_month'
        }),
        'data_gaps': json_words({'price': 'found.compute_effective_month is null'})
    }) }}
from found
