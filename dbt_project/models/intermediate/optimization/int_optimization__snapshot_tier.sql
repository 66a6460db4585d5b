-- Snapshots in a dearer class than they need: premium ones where the region sells cheaper (domain page 1.6), and old ones that an archive keeps
-- whole for less than their increments cost now (1.5.11; 90 days at least, one restore takes a day). Grain: resource × rule × currency.
with

prices as (
    select
        x_source,
        region_id,
        currency,
        min(case when meter_kind = 'snapshot_storage' then contracted_unit_price end) as cheapest,
        max(case when meter_kind = 'snapshot_archive' then contracted_unit_price end) as archive
    from {{ ref('dim_price_observed') }}
    where meter_kind in ('snapshot_storage', 'snapshot_archive') and contracted_unit_price > 0
    group by x_source, region_id, currency
),

sized as (
    select
        resources.*,
        {{ measure(per_month('billed.quantity', 'billed.cost_days')) }} as billed_gib,
        case resources.metric when 'archive' then prices.archive else prices.cheapest end as target_price
    from ({{ resources_under('snapshot_tier') }}) as resources
    inner join {{ ref('int_optimization__part_costs') }} as billed
        on
            {{ is_cost_of('billed', 'resources') }}
            and billed.meter_kind = 'snapshot_storage'
    left join prices
        on
            resources.x_source = prices.x_source
            and resources.region = prices.region_id
            and resources.currency = prices.currency
    where
        resources.managed_by is null
        and resources.age_days >= resources.min_age_days
        and (resources.metric <> 'premium' or lower(resources.storage_type) like 'premium%')
        and coalesce(lower(resources.storage_class), '') <> 'archive'
),

found as (
    select
        *,
        case metric when 'archive' then {{ measure('size_gib') }} else billed_gib end as target_gib,
        {{ price_times('target_price', "(case metric when 'archive' then " ~ measure('size_gib') ~ " else billed_gib end)") }}
            as target_cost
    from sized
)

select
    {{ candidate_columns({
        'target': 'found.metric',
        'current_config': json_of({'storage_type': 'found.storage_type', 'size_gib': 'found.size_gib'}),
        'recommended_config': json_of({
            'storage_type': "case found.metric when 'archive' then 'archive' else 'standard' end"
        }),
        'target_cost_month': 'found.target_cost',
        'is_automatable': 'false',
        'evidence': json_of({
            'age_days': 'found.age_days',
            'min_days': 'found.min_age_days',
            'billed_gib': 'found.billed_gib',
            'target_gib': 'found.target_gib',
            'target_price_gib': 'found.target_price',
            'contracted_cost_month': 'found.contracted_cost_month'
        }),
        'data_gaps': json_words({'target_price': 'found.target_cost is null'})
    }) }}
from found
where
    found.target_cost < found.contracted_cost_month
    or (found.target_cost is null and found.metric = 'premium')
