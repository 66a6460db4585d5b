-- Interruptible machines at the on-demand price. Grain: resource × rule. Only what says so itself (tag interruptible=true) or is a
-- member of a scaling group or cluster outside production. Covered by commitments it saves nothing, which the replay shows.
with

prices as (
    select
        x_source,
        region_id,
        currency,
        lower(meter_sku) as meter_sku,
        min(case when meter_kind = 'vm_compute' then contracted_unit_price end) as on_demand_price,
        min(case when meter_kind = 'vm_spot' then contracted_unit_price end) as spot_price
    from {{ ref('dim_price_observed') }}
    where meter_kind in ('vm_compute', 'vm_spot')
    group by x_source, region_id, currency, lower(meter_sku)
),

interruptible as (
    select distinct
        resources.usage_source,
        resources.resource_id
    from {{ ref('int_optimization__resources') }} as resources, {{ json_pairs('resources.tags') }} as pairs
    where {{ normalized_tag_key('pairs.key') }} in ('interruptible', 'spot', 'preemptible') and lower(pairs.value) = 'true'
),

found as (
    select
        resources.*,
        prices.on_demand_price,
        prices.spot_price,
        interruptible.resource_id is not null as is_declared
    from ({{ resources_under('spot') }}) as resources
    left join interruptible
        on
            resources.usage_source = interruptible.usage_source
            and resources.resource_id = interruptible.resource_id
    left join prices
        on
            resources.x_source = prices.x_source
            and resources.region = prices.region_id
            and resources.currency = prices.currency
            and lower(concat(resources.sku, resources.sku_suffix)) = prices.meter_sku
    where
        resources.state = 'running'
        and coalesce(resources.purchase_option, 'on_demand') = 'on_demand'
        and (interruptible.resource_id is not null or resources.managed_by in ('autoscaling', 'eks', 'aks', 'gke', 'batch', 'emr'))
)

select
    {{ candidate_columns({
        'current_config': json_of({'sku': 'found.sku', 'purchase_option': "'on_demand'"}),
        'recommended_config': json_of({'sku': 'found.sku', 'purchase_option': "'spot'"}),
        'cost_part': "'vm_compute'",
        'effective_cost_month': 'found.compute_effective_month',
        'contracted_cost_month': 'found.compute_contracted_month',
        'list_cost_month': 'found.compute_list_month',
        'saved_share': '1 - ' ~ ratio('found.spot_price', 'found.on_demand_price'),
        'fixed_saving_share': 'found.fixed_saving_share',
        'is_automatable': 'false',
        'evidence': json_of({
            'is_declared_interruptible': 'found.is_declared',
            'managed_by': 'found.managed_by',
            'on_demand_price': 'found.on_demand_price',
            'spot_price': 'found.spot_price',
            'fixed_saving_share': 'found.fixed_saving_share'
        }),
        'data_gaps': json_words({
            'price': 'found.compute_effective_month is null', 'target_price': 'found.spot_price is null'
        })
    }) }}
from found
