-- Snapshots older than anyone needs. Grain: resource × rule. Snapshots are increments: deleting one frees only what no other
-- needs, so the saving is an upper bound. Backups that a plan manages and those that an image is made of stay.
with

images as (
    select distinct
        usage_source,
        source_resource_id
    from {{ ref('int_optimization__inventory_versions') }}
    where is_current and resource_type = 'image' and source_resource_id is not null
),

found as (
    select resources.*
    from ({{ resources_under('snapshots') }}) as resources
    left join images
        on
            resources.usage_source = images.usage_source
            and resources.resource_id = images.source_resource_id
    where
        images.source_resource_id is null
        and resources.managed_by is null
        and resources.age_days >= resources.min_age_days
)

select
    {{ candidate_columns({
        'current_config': json_of({'size_gib': 'found.size_gib', 'storage_class': 'found.storage_class'}),
        'recommended_config': json_of({'state': "'deleted'"}),
        'saved_share': '1',
        'is_upper_bound': 'true',
        'is_automatable': 'false',
        'evidence': json_of({
            'created_at': 'found.created_at',
            'age_days': 'found.age_days',
            'min_days': 'found.min_age_days',
            'of': 'found.source_resource_id',
            'effective_cost_month': 'found.effective_cost_month'
        }),
        'data_gaps': json_words({'price': 'found.currency is null', 'shared_blocks': 'true'})
    }) }}
from found
