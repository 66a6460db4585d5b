-- What buckets keep that nobody can read any more: old versions, and parts of uploads that were never finished. Storage metrics say how many
-- bytes; their share of the bucket is their share of its storage cost. An upper bound: a rule keeps the newest days. Grain: resource × rule.
with

found as (
    select
        resources.*,
        leftovers.avg_value as left_bytes,
        stored.avg_value as stored_bytes,
        leftovers.days,
        storage.effective_month as storage_effective_month,
        storage.contracted_month as storage_contracted_month,
        storage.list_month as storage_list_month,
        case when stored.avg_value > 0 then least(leftovers.avg_value / stored.avg_value, 1) end as left_share
    from ({{ resources_under('bucket_leftovers') }}) as resources
    inner join {{ ref('int_optimization__usage') }} as leftovers
        on
            resources.usage_source = leftovers.usage_source
            and lower(resources.resource_id) = leftovers.resource_key
            and resources.metric = leftovers.metric
            and resources.lookback_days = leftovers.lookback_days
    inner join {{ ref('int_optimization__usage') }} as stored
        on
            resources.usage_source = stored.usage_source
            and lower(resources.resource_id) = stored.resource_key
            and stored.metric = 'bucket_bytes'
            and resources.lookback_days = stored.lookback_days
    left join {{ ref('int_optimization__part_costs') }} as storage
        on
            {{ is_cost_of('storage', 'resources') }}
            and storage.meter_kind = 'object_storage'
    where leftovers.avg_value > 0
)

select
    {{ candidate_columns({
        'current_config': json_of({'kept': 'found.metric', 'bytes': 'found.left_bytes'}),
        'recommended_config': json_of({
            'lifecycle': "case found.metric when 'bucket_incomplete_upload_bytes' then 'end unfinished uploads after 7 days' else 'expire old versions' end"
        }),
        'cost_part': "'object_storage'",
        'effective_cost_month': 'found.storage_effective_month',
        'contracted_cost_month': 'found.storage_contracted_month',
        'list_cost_month': 'found.storage_list_month',
        'saved_share': 'found.left_share',
        'is_upper_bound': 'true',
        'evidence': json_of({
            'left_bytes': 'found.left_bytes',
            'stored_bytes': 'found.stored_bytes',
            'days_measured': 'found.days',
            'storage_contracted_month': 'found.storage_contracted_month'
        }),
        'data_gaps': json_words({'price': 'found.storage_contracted_month is null'})
    }) }}
from found
