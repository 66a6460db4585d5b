-- Buckets of which nobody knows who reads them: large objects in the class for daily use, and a bill without a single request of them. A class
-- that follows access by itself saves without knowing; what it saves is what peers assume, less its fee per object. Grain: resource × rule.
with

read_ones as (
    select distinct charges.x_source, lower(charges.resource_id) as resource_key
    from {{ ref('int_focus__charges') }} as charges
    inner join {{ ref('int_optimization__meter_kinds') }} as kinds
        on
            {{ is_kind_of('kinds', 'charges') }}
    where kinds.meter_kind in ('object_requests', 'object_retrieval') and charges.resource_id is not null
),

fees as (
    select x_source, currency, max(contracted_unit_price) as fee_object
    from {{ ref('dim_price_observed') }}
    where meter_kind = 'object_monitoring' and contracted_unit_price > 0
    group by x_source, currency
),

found as (
    select
        resources.*,
        stored.avg_value as stored_bytes,
        counted.avg_value as objects,
        storage.meter_sku as class_now,
        fees.fee_object,
        storage.effective_month as storage_effective_month,
        storage.contracted_month as storage_contracted_month,
        storage.list_month as storage_list_month
    from ({{ resources_under('auto_class') }}) as resources
    inner join {{ ref('int_optimization__part_costs') }} as storage
        on
            {{ is_cost_of('storage', 'resources') }}
            and storage.meter_kind = 'object_storage'
    inner join {{ ref('int_optimization__usage') }} as stored
        on
            resources.usage_source = stored.usage_source
            and lower(resources.resource_id) = stored.resource_key
            and stored.metric = 'bucket_bytes'
            and resources.lookback_days = stored.lookback_days
    inner join {{ ref('int_optimization__usage') }} as counted
        on
            resources.usage_source = counted.usage_source
            and lower(resources.resource_id) = counted.resource_key
            and counted.metric = 'bucket_objects'
            and resources.lookback_days = counted.lookback_days
    left join read_ones
        on resources.x_source = read_ones.x_source and lower(resources.resource_id) = read_ones.resource_key
    left join fees on resources.x_source = fees.x_source and resources.currency = fees.currency
    where
        {{ matches_pattern('storage.meter_sku', 'resources.metric') }}
        and read_ones.resource_key is null
        and counted.avg_value > 0
        -- 128 KiB: smaller objects stay where they are, and pay.
        and stored.avg_value / counted.avg_value >= 131072
        and stored.avg_value / 1073741824 >= resources.min_size_gib
)

select
    {{ candidate_columns({
        'current_config': json_of({'storage_class': 'found.class_now'}),
        'recommended_config': json_of({'storage_class': "'by access, automatically'"}),
        'cost_part': "'object_storage'",
        'effective_cost_month': 'found.storage_effective_month',
        'contracted_cost_month': 'found.storage_contracted_month',
        'list_cost_month': 'found.storage_list_month',
        'fixed_saving_share': 'found.fixed_saving_share',
        'ongoing_cost_month': price_times('found.fee_object', measure('found.objects')),
        'confidence_cap': 'least(found.confidence_cap, 0.5)',
        'is_automatable': 'false',
        'evidence': json_of({
            'stored_bytes': 'found.stored_bytes',
            'objects': 'found.objects',
            'bytes_per_object': 'found.stored_bytes / found.objects',
            'fee_object_month': 'found.fee_object',
            'fixed_saving_share': 'found.fixed_saving_share',
            'storage_contracted_month': 'found.storage_contracted_month'
        }),
        'data_gaps': json_words({'access': 'true', 'fee': 'found.fee_object is null'})
    }) }}
from found
