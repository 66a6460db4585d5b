-- gp2 storage that is cheaper as gp3, from the bill. Grain: resource × rule.
-- gp3 = GB × p_gb + max(IOPS − 3000, 0) × p_iops + max(MB/s − 125, 0) × p_mbps, with what gp2 of that size gives:
-- IOPS min(max(3 × GB, 100), 16000); MB/s 128 up to 170 GB, 250 from 334 GB (domain page 1.5.10). Databases: below 400 GB the
-- baseline is enough; above it 12000 IOPS and 500 MB/s are included (1.5.8).
with

meters as (
    select
        provider,
        x_source,
        max(billing_account_id) as billing_account_id,
        max(sub_account_id) as sub_account_id,
        region_id as region,
        resource_id,
        resource_key,
        currency,
        max(tags) as tags,
        case meter_kind when 'disk_storage' then 'disk' else 'db' end as resource_type,
        meter_kind,
        meter_sku,
        max(cost_days) as cost_days,
        sum(quantity) as quantity,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost
    from {{ ref('int_optimization__meters') }}
    where meter_kind in ('disk_storage', 'db_storage') and resource_id is not null
    group by provider, x_source, region_id, resource_id, resource_key, currency, meter_kind, meter_sku
),

prices as (
    select
        x_source,
        region_id,
        currency,
        max(case when meter_kind = 'disk_storage' and lower(meter_sku) = 'gp3' then contracted_unit_price end) as disk_gb,
        max(case when meter_kind = 'db_storage' and lower(meter_sku) = 'gp3' then contracted_unit_price end) as db_gb,
        max(case when meter_kind = 'disk_iops' and lower(meter_sku) = 'gp3' then contracted_unit_price end) as iops,
        max(case when meter_kind = 'disk_throughput' and lower(meter_sku) = 'gp3' then contracted_unit_price end) as mibps
    from {{ ref('dim_price_observed') }}
    group by x_source, region_id, currency
),

sized as (
    select
        meters.*,
        inventory.resource_name,
        inventory.managed_by,
        -- Months of GB: what was billed per day of 365 / 12 days a month.
        {{ per_month('meters.quantity', 'meters.cost_days') }} as gb,
        prices.iops as price_iops,
        prices.mibps as price_mibps,
        case meters.meter_kind when 'disk_storage' then prices.disk_gb else prices.db_gb end as price_gb
    from meters
    left join prices
        on
            meters.x_source = prices.x_source
            and meters.region = prices.region_id
            and meters.currency = prices.currency
    left join {{ ref('int_optimization__resources') }} as inventory
        on meters.provider = inventory.provider and meters.resource_key = lower(inventory.resource_id)
            and meters.x_source = inventory.x_source and meters.currency = inventory.currency
),

needed as (
    select
        *,
        case
            when meter_kind = 'db_storage' then 0
            else greatest(least(greatest(3 * gb, 100), 16000) - 3000, 0)
        end as extra_iops,
        case
            when meter_kind = 'db_storage' then 0
            when gb <= 170 then 3
            when gb >= 334 then 125
            else 3 + (gb - 170) * 122 / 164
        end as extra_mibps
    from sized
),

found as (
    select
        needed.*,
        {{ rule_columns('rules') }},
        clock.run_date,
        cast(null as varchar) as environment,
        {{ per_month('needed.effective_cost', 'needed.cost_days') }} as effective_cost_month,
        {{ per_month('needed.contracted_cost', 'needed.cost_days') }} as contracted_cost_month,
        {{ per_month('needed.list_cost', 'needed.cost_days') }} as list_cost_month,
        case
            when needed.extra_iops > 0 and needed.price_iops is null then null
            when needed.extra_mibps > 0 and needed.price_mibps is null then null
            else
                {{ price_times('needed.price_gb', measure('needed.gb')) }}
                + coalesce({{ price_times('needed.price_iops', measure('needed.extra_iops')) }}, 0)
                + coalesce({{ price_times('needed.price_mibps', measure('needed.extra_mibps')) }}, 0)
        end as priced
    from needed
    cross join {{ ref('int_optimization__clock') }} as clock
    inner join {{ ref('int_optimization__rules') }} as rules
        on
            needed.provider = rules.provider
            and needed.resource_type = rules.resource_type
            and rules.rule_kind = 'storage_type'
            and rules.profile = 'prod'
            and lower(needed.meter_sku) = 'gp2'
    where needed.managed_by is null
)

select
    {{ candidate_columns({
        'target': "'gp3'",
        'current_config': json_of({'storage_type': 'found.meter_sku', 'size_gib': 'found.gb'}),
        'recommended_config': json_of({
            'storage_type': "'gp3'", 'extra_iops': 'found.extra_iops', 'extra_mibps': 'found.extra_mibps'
        }),
        'cost_part': 'found.meter_kind',
        'target_cost_month': 'found.priced',
        'current_sku': "'gp2'",
        'target_sku': "'gp3'",
        'fixed_saving_share': 'found.fixed_saving_share',
        'is_automatable': 'found.priced is not null',
        'confidence_cap': 'case when found.priced is null then 0.5 else found.confidence_cap end',
        'evidence': json_of({
            'gb': 'found.gb',
            'price_gb': 'found.price_gb',
            'extra_iops': 'found.extra_iops',
            'price_iops': 'found.price_iops',
            'extra_mibps': 'found.extra_mibps',
            'price_mibps': 'found.price_mibps',
            'contracted_cost_month': 'found.contracted_cost_month',
            'fixed_saving_share': 'found.fixed_saving_share'
        }),
        'data_gaps': json_words({'target_price': 'found.priced is null'})
    }) }}
from found
where found.priced is null or found.priced < found.contracted_cost_month
