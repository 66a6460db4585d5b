-- Machines, databases, caches and search nodes whose family has a successor: a newer generation, or Arm. Grain: resource × rule × successor.
-- Newer is often dearer: where the successor's price is known it must be lower. Committed to a family is not on demand.
with

matched as (
    select
        resources.*,
        targets.sku as target,
        targets.vcpu as target_vcpu,
        targets.memory_gib as target_memory_gib,
        sizes.normalised_units,
        targets.normalised_units as target_units,
        now_price.unit_price as price_now,
        target_price.unit_price as price_target,
        successors.source as successor_source
    from ({{ resources_under('successor') }}) as resources
    inner join {{ ref('instance_sizes') }} as sizes
        on
            resources.provider = sizes.provider
            and resources.resource_type = sizes.resource_type
            and resources.sku = sizes.sku
    inner join {{ ref('family_successors') }} as successors
        on
            sizes.provider = successors.provider
            and sizes.resource_type = successors.resource_type
            and sizes.family = successors.family
            and resources.metric = successors.change
    inner join {{ ref('instance_sizes') }} as targets
        on
            successors.provider = targets.provider
            and successors.resource_type = targets.resource_type
            and successors.successor = targets.family
            and sizes.vcpu = targets.vcpu
    left join {{ ref('int_optimization__compute_prices') }} as now_price
        on
            resources.x_source = now_price.x_source
            and resources.region = now_price.region_id
            and resources.currency = now_price.currency
            and lower(concat(resources.sku, resources.sku_suffix)) = now_price.meter_sku
    left join {{ ref('int_optimization__compute_prices') }} as target_price
        on
            resources.x_source = target_price.x_source
            and resources.region = target_price.region_id
            and resources.currency = target_price.currency
            and lower(concat(targets.sku, resources.sku_suffix)) = target_price.meter_sku
    where
        resources.state in ('running', 'available', 'active')
        and resources.managed_by is null
        and coalesce(resources.purchase_option, 'on_demand') = 'on_demand'
        and coalesce(resources.age_days, 0) >= resources.min_age_days
        and targets.memory_gib >= sizes.memory_gib * 0.95
        and (
            resources.metric <> 'arm'
            or (coalesce(resources.architecture, sizes.architecture) = 'x86_64'
                and coalesce(resources.gpu_count, 0) = 0
                and (
                    resources.os = 'linux'
                    or resources.resource_type in ('cache', 'search')
                    or resources.engine in ('mysql', 'postgres', 'mariadb', 'aurora-mysql', 'aurora-postgresql')
                ))
        )
),

found as (
    select * from matched
    where price_target is null or price_now is null or price_target < price_now
    -- One successor per change: the cheapest that is known, else the first by name.
    qualify row_number() over (
        partition by usage_source, resource_id, rule_id, currency
        order by price_target nulls last, target
    ) = 1
)

select
    {{ candidate_columns({
        'target': 'found.target',
        'current_config': json_of({'sku': 'found.sku'}),
        'recommended_config': json_of({
            'sku': 'found.target', 'vcpu': 'found.target_vcpu', 'memory_gib': 'found.target_memory_gib'
        }),
        'cost_part': compute_part('found.resource_type'),
        'effective_cost_month': 'found.compute_effective_month',
        'contracted_cost_month': 'found.compute_contracted_month',
        'list_cost_month': 'found.compute_list_month',
        'current_sku': 'concat(found.sku, found.sku_suffix)',
        'target_sku': 'concat(found.target, found.sku_suffix)',
        'fixed_saving_share': 'found.fixed_saving_share',
        'confidence_cap': 'case when found.price_target is null then 0.5 else found.confidence_cap end',
        'evidence': json_of({
            'price_now': 'found.price_now',
            'price_target': 'found.price_target',
            'fixed_saving_share': 'found.fixed_saving_share',
            'successor_from': 'found.successor_source',
            'compute_effective_month': 'found.compute_effective_month'
        }),
        'data_gaps': json_words({
            'price': 'found.compute_effective_month is null', 'target_price': 'found.price_target is null'
        })
    }) }}
from found
