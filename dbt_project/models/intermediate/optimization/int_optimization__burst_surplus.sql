-- Burstable machines that buy the credits they lack: with those they cost more than a machine of fixed speed. Its processor metric looks
-- harmless, the bill does not. Only where the own bill has the price of both. Grain: resource × rule.
with

credits as (
    select
        provider,
        resource_key,
        currency,
        max(cost_days) as cost_days,
        sum(case when meter_kind = 'vm_credits' then contracted_cost else 0 end) as surplus_cost,
        sum(case when meter_kind = 'vm_compute' then contracted_cost else 0 end) as machine_cost
    from {{ ref('int_optimization__meters') }}
    where meter_kind in ('vm_credits', 'vm_compute') and resource_key is not null
    group by provider, resource_key, currency
    having sum(case when meter_kind = 'vm_credits' then contracted_cost else 0 end) > 0
),

priced as (
    select
        resources.*,
        {{ per_month('credits.surplus_cost', 'credits.cost_days') }} as surplus_month,
        {{ per_month('credits.machine_cost', 'credits.cost_days') }} as machine_month,
        targets.sku as target,
        now_price.unit_price as price_now,
        target_price.unit_price as price_target
    from ({{ resources_under('burst_surplus') }}) as resources
    inner join credits
        on
            resources.provider = credits.provider
            and lower(resources.resource_id) = credits.resource_key
            and resources.currency = credits.currency
    inner join {{ ref('instance_sizes') }} as sizes
        on
            resources.provider = sizes.provider
            and resources.resource_type = sizes.resource_type
            and resources.sku = sizes.sku
            and sizes.is_burstable
    inner join {{ ref('family_successors') }} as successors
        on
            sizes.provider = successors.provider
            and sizes.resource_type = successors.resource_type
            and sizes.family = successors.family
            and successors.change = 'fixed'
    inner join {{ ref('instance_sizes') }} as targets
        on
            successors.provider = targets.provider
            and successors.resource_type = targets.resource_type
            and successors.successor = targets.family
            and sizes.vcpu = targets.vcpu
            and sizes.memory_gib <= targets.memory_gib
    inner join {{ ref('int_optimization__compute_prices') }} as now_price
        on
            resources.x_source = now_price.x_source
            and resources.region = now_price.region_id
            and resources.currency = now_price.currency
            and lower(concat(resources.sku, resources.sku_suffix)) = now_price.meter_sku
    inner join {{ ref('int_optimization__compute_prices') }} as target_price
        on
            resources.x_source = target_price.x_source
            and resources.region = target_price.region_id
            and resources.currency = target_price.currency
            and lower(concat(targets.sku, resources.sku_suffix)) = target_price.meter_sku
    where
        resources.state = 'running'
        and resources.managed_by is null
        and now_price.unit_price > 0
        and {{ per_month('credits.machine_cost', 'credits.cost_days') }} > 0
    qualify row_number() over (
        partition by resources.usage_source, resources.resource_id, resources.rule_id, resources.currency
        order by target_price.unit_price, targets.sku
    ) = 1
),

found as (
    select
        *,
        -- The same hours at the other price.
        {{ money('machine_month * ' ~ ratio('price_target', 'price_now')) }} as target_month
    from priced
)

select
    {{ candidate_columns({
        'target': 'found.target',
        'current_config': json_of({'sku': 'found.sku', 'credits': "'bought'"}),
        'recommended_config': json_of({'sku': 'found.target'}),
        'cost_part': compute_part('found.resource_type'),
        'effective_cost_month': 'found.compute_effective_month',
        'contracted_cost_month': 'found.compute_contracted_month',
        'list_cost_month': 'found.compute_list_month',
        'target_cost_month': 'found.target_month',
        'evidence': json_of({
            'credits_month': 'found.surplus_month',
            'machine_month': 'found.machine_month',
            'price_now': 'found.price_now',
            'price_target': 'found.price_target',
            'target_cost_month': 'found.target_month'
        })
    }) }}
from found
where found.target_month < found.machine_month + found.surplus_month
