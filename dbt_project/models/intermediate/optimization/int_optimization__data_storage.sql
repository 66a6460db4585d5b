-- Storage of databases that is paid for by the wrong measure: allocated and not used, or by logical bytes where the compressed ones are
-- fewer than the dearer price allows (domain pages 1.6 and 1.7). Grain: resource × rule × currency.
with

prices as (
    select
        x_source,
        region_id,
        currency,
        max(case when meter_kind = 'warehouse_physical' then contracted_unit_price end) as physical_price,
        max(case when meter_kind = 'warehouse_logical' then contracted_unit_price end) as logical_price
    from {{ ref('dim_price_observed') }}
    where meter_kind in ('warehouse_physical', 'warehouse_logical') and meter_sku = 'Active' and contracted_unit_price > 0
    group by x_source, region_id, currency
),

sized as (
    select
        resources.*,
        costs.meter_kind as part,
        costs.effective_month as part_effective_month,
        costs.contracted_month as part_contracted_month,
        costs.list_month as part_list_month,
        prices.physical_price,
        prices.logical_price,
        case resources.metric
            -- What is used plus the room to grow that has to stay free, in whole GiB.
            when 'allocated' then ceil(resources.used_gib / (1 - resources.free_share)) / resources.size_gib
            when 'logical'
                then resources.used_gib / resources.size_gib
                    * coalesce(cast(prices.physical_price as double) / prices.logical_price, resources.price_ratio)
        end as left_share
    from ({{ resources_under('data_storage') }}) as resources
    inner join {{ ref('int_optimization__part_costs') }} as costs
        on
            {{ is_cost_of('costs', 'resources') }}
            and costs.meter_kind = case resources.metric when 'allocated' then 'db_storage' else 'warehouse_logical' end
    left join prices
        on
            resources.x_source = prices.x_source
            and resources.region = prices.region_id
            and resources.currency = prices.currency
    where resources.size_gib > 0 and resources.used_gib is not null
),

found as (
    select
        *,
        metric = 'logical' and (physical_price is null or logical_price is null) as is_ratio_assumed
    from sized
    where left_share < 1 and (metric <> 'allocated' or used_gib < size_gib * used_max_share)
)

select
    {{ candidate_columns({
        'target': 'found.metric',
        'current_config': json_of({'paid_by': 'found.metric', 'size_gib': 'found.size_gib'}),
        'recommended_config': json_of({
            'paid_by': "case found.metric when 'allocated' then 'allocated' else 'physical' end",
            'size_gib': "case found.metric when 'allocated' then round(found.left_share * found.size_gib) else found.used_gib end"
        }),
        'cost_part': 'found.part',
        'effective_cost_month': 'found.part_effective_month',
        'contracted_cost_month': 'found.part_contracted_month',
        'list_cost_month': 'found.part_list_month',
        'saved_share': '1 - found.left_share',
        'confidence_cap': 'case when found.is_ratio_assumed then 0.5 else found.confidence_cap end',
        'evidence': json_of({
            'size_gib': 'found.size_gib',
            'used_gib': 'found.used_gib',
            'used_below': "case when found.metric = 'allocated' then found.used_max_share end",
            'free_share': "case when found.metric = 'allocated' then found.free_share end",
            'price_physical': 'found.physical_price',
            'price_logical': 'found.logical_price',
            'assumed_price_ratio': 'case when found.is_ratio_assumed then found.price_ratio end',
            'left_share': 'found.left_share',
            'cost_month': 'found.part_contracted_month'
        }),
        'data_gaps': json_words({'physical_price': 'found.is_ratio_assumed'})
    }) }}
from found
