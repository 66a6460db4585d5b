-- What a unit costs where something could run, from the own bill alone. Grain: source × region × currency × component.
-- A machine's price is split between 9 parts per vCPU and 1 per GiB (as split cost allocation does); of the sizes that were bought the one
-- with the cheapest part counts, burstable and accelerated ones do not.
with

prices as (
    select * from {{ ref('dim_price_observed') }} where pricing_category = 'Standard' and contracted_unit_price > 0
),

sizes as (
    select
        prices.provider,
        prices.x_source,
        prices.region_id,
        prices.currency,
        prices.meter_sku as priced_by,
        cast(cast(prices.contracted_unit_price as double) / (9 * cast(sizes.vcpu as double) + cast(sizes.memory_gib as double))
            as decimal(28, 12)) as part_price
    from prices
    inner join {{ ref('instance_sizes') }} as sizes
        on
            prices.provider = sizes.provider
            and sizes.resource_type = 'vm'
            and lower(prices.meter_sku) = lower(sizes.sku)
    where prices.meter_kind = 'vm_compute' and not sizes.is_burstable and not sizes.has_gpu
    qualify row_number() over (
        partition by prices.x_source, prices.region_id, prices.currency
        order by prices.contracted_unit_price / (9 * sizes.vcpu + sizes.memory_gib), prices.meter_sku
    ) = 1
),

direct as (
    select
        prices.provider,
        prices.x_source,
        prices.region_id,
        prices.currency,
        case equivalents.component when 'block_disk' then 'block_gib' else equivalents.component end as component,
        prices.meter_sku as priced_by,
        case equivalents.component
            when 'block_disk' then cast(cast(prices.contracted_unit_price as double) / cast(kinds.max_gib as double) as decimal(28, 12))
            else cast(prices.contracted_unit_price as decimal(28, 12))
        end as unit_price
    from prices
    inner join {{ ref('migration_equivalents') }} as equivalents
        on
            prices.provider = equivalents.provider
            and prices.meter_kind = equivalents.meter_kind
            and {{ matches_pattern('prices.meter_sku', "coalesce(equivalents.sku_pattern, '')") }}
    left join {{ ref('disk_types') }} as kinds
        on
            prices.provider = kinds.provider
            and kinds.resource_type = 'disk'
            and lower(prices.meter_sku) = lower(kinds.meter_sku)
    where equivalents.component <> 'machine' and (equivalents.component <> 'block_disk' or kinds.max_gib is not null)
),

together as (
    select provider, x_source, region_id, currency, 'vcpu_hours' as component, priced_by, {{ money('9 * part_price') }} as unit_price
    from sizes
    union all
    select provider, x_source, region_id, currency, 'memory_gib_hours' as component, priced_by, {{ money('part_price') }} as unit_price
    from sizes
    union all
    select provider, x_source, region_id, currency, component, priced_by, {{ money('unit_price') }} as unit_price from direct
)

select * from together
-- Of several kinds or tiers the cheapest for storage and machines; for traffic the dearest, which the first gigabytes cost.
qualify row_number() over (
    partition by x_source, region_id, currency, component
    order by case when component in ('egress_gb', 'internal_gb') then -unit_price else unit_price end, priced_by
) = 1
