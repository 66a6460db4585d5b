-- What kinds of disks cost in the own bill, per month of 730 h: a GiB (or a disk), a provisioned IOPS, a provisioned MiB/s.
-- Grain: source × region × currency × resource type × meter_sku.
with

seen as (
    select
        x_source,
        region_id,
        currency,
        case when meter_kind like 'db_%' then 'db' else 'disk' end as resource_type,
        meter_kind,
        lower(meter_sku) as meter_sku,
        -- Some are sold by the hour, and throughput by the GiB/s.
        case
            when lower(pricing_unit) like '%hour%' then cast(contracted_unit_price * 730 as decimal(38, 18))
            when meter_kind in ('disk_throughput', 'db_throughput') and lower(pricing_unit) like 'gi%'
                then cast(contracted_unit_price / 1024 as decimal(38, 18))
            else contracted_unit_price
        end as price
    from {{ ref('dim_price_observed') }}
    where
        meter_kind in ('disk_storage', 'disk_iops', 'disk_throughput', 'db_storage', 'db_iops', 'db_throughput')
        and contracted_unit_price > 0
)

select
    x_source,
    region_id,
    currency,
    resource_type,
    meter_sku,
    max(case when meter_kind in ('disk_storage', 'db_storage') then price end) as price_storage,
    max(case when meter_kind in ('disk_iops', 'db_iops') then price end) as price_iops,
    max(case when meter_kind in ('disk_throughput', 'db_throughput') then price end) as price_mibps
from seen
group by x_source, region_id, currency, resource_type, meter_sku
