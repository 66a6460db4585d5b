-- Database clusters that pay for each I/O where a price with I/O included is lower: I/O now > compute × its uplift + storage × its uplift (domain
-- page 1.5.8), all from the own bill. Which machines are a cluster's the inventory tells. Grain: cluster × rule × currency.
with

billed as (
    select
        provider, x_source, resource_key, currency,
        max(cost_days) as cluster_days,
        sum(case when meter_kind = 'db_io' then contracted_cost else 0 end) as io_cost,
        sum(case when meter_kind = 'db_cluster_storage' then contracted_cost else 0 end) as storage_cost,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost
    from {{ ref('int_optimization__meters') }}
    where meter_kind in ('db_io', 'db_cluster_storage') and resource_key is not null
    group by provider, x_source, resource_key, currency
),

members as (
    select
        usage_source,
        lower(attached_to) as cluster_key,
        currency,
        count(*) as machines,
        sum(compute_contracted_month) as compute_month,
        max(case when compute_contracted_month is null then 1 else 0 end) as lacks_cost
    from {{ ref('int_optimization__resources') }}
    where resource_type = 'db' and attached_to is not null
    group by usage_source, lower(attached_to), currency
),

found as (
    select
        resources.*,
        members.machines,
        members.compute_month,
        {{ per_month('billed.io_cost', 'billed.cluster_days') }} as io_month,
        {{ per_month('billed.storage_cost', 'billed.cluster_days') }} as storage_month,
        {{ per_month('billed.effective_cost', 'billed.cluster_days') }} as part_effective_month,
        {{ per_month('billed.contracted_cost', 'billed.cluster_days') }} as part_contracted_month,
        {{ per_month('billed.list_cost', 'billed.cluster_days') }} as part_list_month
    from ({{ resources_under('io_included') }}) as resources
    inner join billed
        on
            resources.provider = billed.provider
            and resources.x_source = billed.x_source
            and lower(resources.resource_id) = billed.resource_key
            and resources.currency = billed.currency
    inner join members
        on
            resources.usage_source = members.usage_source
            and lower(resources.resource_id) = members.cluster_key
            and resources.currency = members.currency
    where members.lacks_cost = 0 and billed.io_cost > 0
),

compared as (
    select
        *,
        {{ money('compute_month * cast(compute_uplift as decimal(9, 6)) + storage_month * cast(1 + storage_uplift as decimal(9, 6))') }}
            as target_cost
    from found
)

select
    {{ candidate_columns({
        'target': "'io_included'",
        'current_config': json_of({'storage_type': "'I/O paid by use'"}),
        'recommended_config': json_of({'storage_type': "'I/O included'"}),
        'cost_part': "'db_cluster_storage'",
        'effective_cost_month': 'found.part_effective_month',
        'contracted_cost_month': 'found.part_contracted_month',
        'list_cost_month': 'found.part_list_month',
        'target_cost_month': 'found.target_cost',
        'is_automatable': 'false',
        'evidence': json_of({
            'io_month': 'found.io_month',
            'storage_month': 'found.storage_month',
            'compute_month': 'found.compute_month',
            'machines': 'found.machines',
            'compute_uplift': 'found.compute_uplift',
            'storage_uplift': 'found.storage_uplift',
            'target_cost_month': 'found.target_cost'
        })
    }) }}
from compared as found
where found.target_cost < found.part_contracted_month
