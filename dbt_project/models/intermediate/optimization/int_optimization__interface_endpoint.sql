-- Traffic to the provider's own services that an endpoint in the network carries for less than a NAT gateway. Worth it where
-- GB × (NAT price − endpoint price) > hours × zones × endpoint price per hour (domain page 1.5.17). Which part of a gateway's bytes goes
-- to services only flow logs tell: a decision (service_traffic_share); without one nothing is said. Grain: gateway × rule × currency.
with

gateways as (
    select
        provider, x_source, resource_id, region_id as region, currency,
        max(billing_account_id) as billing_account_id,
        max(sub_account_id) as sub_account_id,
        max(tags) as tags,
        max(cost_days) as cost_days,
        sum(quantity) as quantity,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost
    from {{ ref('int_optimization__meters') }}
    where meter_kind = 'nat_bytes' and resource_id is not null
    group by provider, x_source, resource_id, region_id, currency
),

prices as (
    select
        x_source,
        region_id,
        currency,
        max(case when meter_kind = 'endpoint_hours' then contracted_unit_price end) as price_hour,
        max(case when meter_kind = 'endpoint_bytes' then contracted_unit_price end) as price_gb
    from {{ ref('dim_price_observed') }}
    where meter_kind in ('endpoint_hours', 'endpoint_bytes')
    group by x_source, region_id, currency
),

sized as (
    select
        gateways.*,
        {{ rule_columns('rules') }},
        rules.resource_type,
        prices.price_hour,
        prices.price_gb,
        {{ measure(per_month('gateways.quantity', 'gateways.cost_days') ~ ' * rules.service_traffic_share') }} as moved_gb,
        {{ measure('730 * rules.endpoint_zones') }} as endpoint_hours,
        {{ per_month('gateways.effective_cost', 'gateways.cost_days') }} as effective_cost_month,
        {{ per_month('gateways.contracted_cost', 'gateways.cost_days') }} as contracted_cost_month,
        {{ per_month('gateways.list_cost', 'gateways.cost_days') }} as list_cost_month
    from gateways
    inner join {{ ref('int_optimization__rules') }} as rules
        on gateways.provider = rules.provider and rules.rule_kind = 'interface_endpoint' and rules.profile = 'prod'
    left join prices
        on
            gateways.x_source = prices.x_source
            and gateways.region = prices.region_id
            and gateways.currency = prices.currency
    where rules.service_traffic_share > 0
),

found as (
    select
        sized.*,
        clock.run_date,
        cast(null as varchar) as resource_name,
        cast(null as varchar) as environment,
        {{ money('sized.contracted_cost_month * (1 - cast(sized.service_traffic_share as decimal(9, 6)))') }}
        + {{ price_times('sized.price_gb', 'sized.moved_gb') }}
        + {{ price_times('sized.price_hour', 'sized.endpoint_hours') }} as target_cost
    from sized
    cross join {{ ref('int_optimization__clock') }} as clock
)

select
    {{ candidate_columns({
        'current_config': json_of({'traffic': "'NAT gateway'"}),
        'recommended_config': json_of({'traffic': "'interface endpoint'", 'zones': 'found.endpoint_zones'}),
        'cost_part': "'nat_bytes'",
        'target_cost_month': 'found.target_cost',
        'is_automatable': 'false',
        'evidence': json_of({
            'service_traffic_share': 'found.service_traffic_share',
            'moved_gb': 'found.moved_gb',
            'endpoint_price_gb': 'found.price_gb',
            'endpoint_hours': 'found.endpoint_hours',
            'endpoint_price_hour': 'found.price_hour',
            'contracted_cost_month': 'found.contracted_cost_month'
        }),
        'data_gaps': json_words({'target_price': 'found.target_cost is null'})
    }) }}
from found
where found.target_cost is null or found.target_cost < found.contracted_cost_month
