-- Disks and database storage that are faster than their load: the cheapest kind (or the same kind with less speed bought) that holds their
-- size and their peak with headroom. Grain: resource × rule × currency.
-- Afterwards = GiB × price (or one disk) + max(IOPS − included, 0) × price + max(MiB/s − included, 0) × price, all from the own bill
-- (domain page 1.5.8, 1.5.10, 1.6, 1.7). Without a price of it a lower grade is named and its saving is unknown.
with

billed as (
    select
        provider,
        x_source,
        resource_key,
        currency,
        case when meter_kind like 'db_%' then 'db' else 'disk' end as resource_type,
        max(cost_days) as billed_days,
        max(case when meter_kind in ('disk_storage', 'db_storage') then lower(meter_sku) end) as billed_type,
        count(distinct case when meter_kind in ('disk_storage', 'db_storage') then meter_sku end) as billed_types,
        sum(case when meter_kind in ('disk_storage', 'db_storage') then quantity end) as stored,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost
    from {{ ref('int_optimization__meters') }}
    where
        meter_kind in ('disk_storage', 'disk_iops', 'disk_throughput', 'db_storage', 'db_iops', 'db_throughput')
        and resource_key is not null
    group by
        provider, x_source, resource_key, currency, case when meter_kind like 'db_%' then 'db' else 'disk' end
),

sized as (
    select
        *,
        {{ measure(per_month('stored', 'billed_days')) }} as billed_units,
        {{ per_month('effective_cost', 'billed_days') }} as storage_effective_month,
        {{ per_month('contracted_cost', 'billed_days') }} as storage_contracted_month,
        {{ per_month('list_cost', 'billed_days') }} as storage_list_month
    from billed
    where billed_types = 1
),

loaded as (
    select
        resources.*,
        sized.billed_type,
        sized.billed_units,
        sized.storage_effective_month,
        sized.storage_contracted_month,
        sized.storage_list_month,
        kinds.storage_type as kind_now,
        kinds.redundancy,
        kinds.priced_per,
        kinds.grade,
        kinds.max_gib as max_gib_now,
        case kinds.priced_per when 'gib' then sized.billed_units else {{ measure('resources.size_gib') }} end as gib,
        usage.iops_peak,
        usage.mibps_peak,
        usage.hours,
        usage.days,
        usage.variation,
        {{ measure('ceil(usage.iops_peak * (1 + resources.disk_headroom))') }} as need_iops,
        {{ measure('ceil(usage.mibps_peak * (1 + resources.disk_headroom))') }} as need_mibps,
        coalesce(
            case when kinds.sells_speed then {{ measure('resources.provisioned_iops') }} end,
            {{ disk_speed('kinds', 'iops', 'coalesce(resources.size_gib, sized.billed_units)') }}
        ) as iops_now,
        coalesce(
            case when kinds.sells_speed then {{ measure('resources.provisioned_mibps') }} end,
            {{ disk_speed('kinds', 'mibps', 'coalesce(resources.size_gib, sized.billed_units)') }}
        ) as mibps_now
    from ({{ resources_under('disk_type') }}) as resources
    inner join sized
        on
            resources.provider = sized.provider
            and resources.x_source = sized.x_source
            and lower(resources.resource_id) = sized.resource_key
            and resources.currency = sized.currency
            and resources.resource_type = sized.resource_type
    inner join {{ ref('disk_types') }} as kinds
        on
            resources.provider = kinds.provider
            and resources.resource_type = kinds.resource_type
            and sized.billed_type = lower(kinds.meter_sku)
            and case kinds.priced_per when 'gib' then sized.billed_units else {{ measure('resources.size_gib') }} end
            between kinds.min_gib and kinds.max_gib
    inner join {{ ref('int_optimization__disk_usage') }} as usage
        on
            resources.usage_source = usage.usage_source
            and lower(resources.resource_id) = usage.resource_key
            and resources.lookback_days = usage.lookback_days
    where
        resources.managed_by is null
        and coalesce(resources.attached_count, 1) > 0
        and usage.completeness >= resources.min_completeness
        and coalesce(resources.age_days, 0) >= resources.lookback_days
),

options as (
    select
        loaded.*,
        target_kinds.storage_type as target,
        target_kinds.grade as target_grade,
        target_kinds.max_gib as target_max_gib,
        target_kinds.max_iops as target_max_iops,
        {{ disk_speed('target_kinds', 'iops', 'loaded.gib') }} as included_iops,
        {{ disk_speed('target_kinds', 'mibps', 'loaded.gib') }} as included_mibps,
        target_kinds.sells_speed,
        target_kinds.max_mibps as target_max_mibps,
        case when target_kinds.priced_per = loaded.priced_per then loaded.billed_units when target_kinds.priced_per = 'gib' then loaded.gib else 1 end as bought,
        storage_prices.price_storage,
        iops_prices.price_iops,
        mibps_prices.price_mibps
    from loaded
    inner join {{ ref('disk_types') }} as target_kinds
        on
            loaded.provider = target_kinds.provider
            and loaded.resource_type = target_kinds.resource_type
            and loaded.redundancy = target_kinds.redundancy
            and loaded.gib between target_kinds.min_gib and target_kinds.max_gib
            and (loaded.kind_now <> target_kinds.storage_type or target_kinds.sells_speed)
    left join {{ ref('int_optimization__disk_prices') }} as storage_prices
        on
            loaded.x_source = storage_prices.x_source
            and loaded.region = storage_prices.region_id
            and loaded.currency = storage_prices.currency
            and loaded.resource_type = storage_prices.resource_type
            and lower(target_kinds.meter_sku) = storage_prices.meter_sku
    left join {{ ref('int_optimization__disk_prices') }} as iops_prices
        on
            loaded.x_source = iops_prices.x_source
            and loaded.region = iops_prices.region_id
            and loaded.currency = iops_prices.currency
            and loaded.resource_type = iops_prices.resource_type
            and lower(target_kinds.iops_sku) = iops_prices.meter_sku
    left join {{ ref('int_optimization__disk_prices') }} as mibps_prices
        on
            loaded.x_source = mibps_prices.x_source
            and loaded.region = mibps_prices.region_id
            and loaded.currency = mibps_prices.currency
            and loaded.resource_type = mibps_prices.resource_type
            and lower(target_kinds.mibps_sku) = mibps_prices.meter_sku
    where
        loaded.iops_peak * 100 <= cast(loaded.iops_now as double) * loaded.disk_max_pct
        and loaded.mibps_peak * 100 <= cast(loaded.mibps_now as double) * loaded.disk_max_pct
),

needed as (
    select
        *,
        {{ measure('case when sells_speed then greatest(need_iops - included_iops, 0) else 0 end') }} as extra_iops,
        {{ measure('case when sells_speed then greatest(need_mibps - included_mibps, 0) else 0 end') }} as extra_mibps
    from options
    where
        need_iops <= case when sells_speed then target_max_iops else included_iops end
        and need_mibps <= case when sells_speed then target_max_mibps else included_mibps end
),

priced as (
    select
        *,
        case
            when extra_iops > 0 and price_iops is null then null
            when extra_mibps > 0 and price_mibps is null then null
            else
                {{ price_times('price_storage', measure('bought')) }}
                + coalesce({{ price_times('price_iops', 'extra_iops') }}, 0)
                + coalesce({{ price_times('price_mibps', 'extra_mibps') }}, 0)
        end as target_cost
    from needed
),

found as (
    select * from priced
    where
        target_cost < storage_contracted_month
        or (target_cost is null and target_grade < grade and target_max_gib <= max_gib_now)
    -- The cheapest that has a price; without any the next grade below, never a larger size.
    qualify row_number() over (
        partition by usage_source, resource_id, rule_id, currency
        order by target_cost nulls last, target_grade desc, target_max_gib, target
    ) = 1
)

select
    {{ candidate_columns({
        'target': 'found.target',
        'current_config': json_of({
            'storage_type': 'found.kind_now', 'size_gib': 'found.gib', 'iops': 'found.iops_now', 'mibps': 'found.mibps_now'
        }),
        'recommended_config': json_of({
            'storage_type': 'found.target',
            'iops': 'found.included_iops + found.extra_iops',
            'mibps': 'found.included_mibps + found.extra_mibps'
        }),
        'cost_part': "case found.resource_type when 'db' then 'db_storage' else 'disk_storage' end",
        'effective_cost_month': 'found.storage_effective_month',
        'contracted_cost_month': 'found.storage_contracted_month',
        'list_cost_month': 'found.storage_list_month',
        'target_cost_month': 'found.target_cost',
        'observed_hours': 'found.hours',
        'expected_hours': '24 * found.lookback_days',
        'history_days': 'found.days',
        'metric_stat': "'max'",
        'metrics_factor': '1',
        'performance_risk': 'least(4, greatest(0, '
            ~ '4 * (found.iops_peak / nullif(found.included_iops + found.extra_iops, 0) - 0.6) / 0.4, '
            ~ '4 * (found.mibps_peak / nullif(found.included_mibps + found.extra_mibps, 0) - 0.6) / 0.4))',
        'evidence': json_of({
            'gib': 'found.gib',
            'iops_peak': 'found.iops_peak',
            'iops_now': 'found.iops_now',
            'mibps_peak': 'found.mibps_peak',
            'mibps_now': 'found.mibps_now',
            'at_most_pct': 'found.disk_max_pct',
            'headroom': 'found.disk_headroom',
            'need_iops': 'found.need_iops',
            'need_mibps': 'found.need_mibps',
            'units': 'found.bought',
            'price_storage': 'found.price_storage',
            'extra_iops': 'found.extra_iops',
            'price_iops': 'found.price_iops',
            'extra_mibps': 'found.extra_mibps',
            'price_mibps': 'found.price_mibps',
            'target_cost_month': 'found.target_cost',
            'contracted_cost_month': 'found.storage_contracted_month'
        }),
        'data_gaps': json_words({'target_price': 'found.target_cost is null'})
    }) }}
from found
