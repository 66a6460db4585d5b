-- What a workload uses a month, in units that every provider sells, and what of its cost they are. Grain: workload × source × region ×
-- currency × component; `other` is what has no equivalent elsewhere. Machines are their vCPU and GiB hours, in two rows: the first
-- carries the cost.
with

meters as (
    select
        meters.*,
        workloads.workload
    from {{ ref('int_optimization__meters') }} as meters
    inner join {{ ref('int_migration__workloads') }} as workloads on meters.tags = workloads.tags
),

skus as (
    select distinct provider, meter_kind, meter_sku from meters
),

equivalents as (
    select
        skus.provider,
        skus.meter_kind,
        skus.meter_sku,
        known.component
    from skus
    inner join {{ ref('migration_equivalents') }} as known
        on
            skus.provider = known.provider
            and skus.meter_kind = known.meter_kind
            and {{ matches_pattern('skus.meter_sku', "coalesce(known.sku_pattern, '')") }}
),

named as (
    select
        meters.*,
        coalesce(equivalents.component, 'other') as component,
        sizes.vcpu,
        sizes.memory_gib,
        kinds.max_gib
    from meters
    left join equivalents
        on
            meters.provider = equivalents.provider
            and meters.meter_kind = equivalents.meter_kind
            and meters.meter_sku = equivalents.meter_sku
    left join {{ ref('instance_sizes') }} as sizes
        on
            meters.provider = sizes.provider
            and sizes.resource_type = 'vm'
            and case when equivalents.component = 'machine' then lower(meters.meter_sku) end = lower(sizes.sku)
    left join {{ ref('disk_types') }} as kinds
        on
            meters.provider = kinds.provider
            and kinds.resource_type = 'disk'
            and case when equivalents.component = 'block_disk' then lower(meters.meter_sku) end = lower(kinds.meter_sku)
),

parts as (
    select
        workload, provider, x_source, region_id, currency, cost_days, effective_cost,
        case
            when component = 'machine' and vcpu is not null then 'vcpu_hours'
            when component = 'block_disk' and max_gib is not null then 'block_gib'
            when component in ('machine', 'block_disk') then 'other'
            else component
        end as component,
        cast(quantity as double) * coalesce(vcpu, max_gib, 1) as quantity
    from named
    union all
    select
        workload, provider, x_source, region_id, currency, cost_days, 0 as effective_cost,
        'memory_gib_hours' as component,
        cast(quantity as double) * memory_gib as quantity
    from named
    where component = 'machine' and memory_gib is not null
)

select
    workload,
    provider,
    x_source,
    region_id,
    currency,
    component,
    {{ measure('sum(quantity * 365 / (12.0 * cost_days))') }} as quantity_month,
    {{ money('sum(' ~ per_month('effective_cost', 'cost_days') ~ ')') }} as effective_cost_month
from parts
group by workload, provider, x_source, region_id, currency, component
