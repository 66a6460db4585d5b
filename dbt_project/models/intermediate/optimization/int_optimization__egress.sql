-- Traffic to the internet that a content network could carry. How much of it can be cached only its logs tell: a decision
-- (cdn_traffic_share); without one nothing is said. A gigabyte less saves the payer's cheapest tier first: Σ over tiers from the cheapest
-- (GB moved × (tier price − content network price)), by the own bill's prices. Grain: account × region × rule × currency.
with

places as (
    select
        provider, x_source, billing_account_id, sub_account_id, region_id as region, currency,
        max(tags) as tags,
        max(cost_days) as cost_days,
        sum(quantity) as quantity,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost
    from {{ ref('int_optimization__meters') }}
    where meter_kind = 'transfer_out'
    group by provider, x_source, billing_account_id, sub_account_id, region_id, currency
),

networks as (
    select x_source, currency, max(contracted_unit_price) as cdn_price
    from {{ ref('dim_price_observed') }}
    where meter_kind = 'cdn_out' and contracted_unit_price > 0
    group by x_source, currency
),

sized as (
    select
        places.*,
        {{ rule_columns('rules') }},
        rules.resource_type,
        networks.cdn_price,
        concat_ws('/', places.sub_account_id, places.region, 'to the internet') as resource_id,
        {{ measure(per_month('places.quantity', 'places.cost_days') ~ ' * rules.cdn_traffic_share') }} as moved_gb,
        {{ per_month('places.effective_cost', 'places.cost_days') }} as effective_cost_month,
        {{ per_month('places.contracted_cost', 'places.cost_days') }} as contracted_cost_month,
        {{ per_month('places.list_cost', 'places.cost_days') }} as list_cost_month
    from places
    inner join {{ ref('int_optimization__rules') }} as rules
        on places.provider = rules.provider and rules.rule_kind = 'egress' and rules.profile = 'prod'
    left join networks on places.x_source = networks.x_source and places.currency = networks.currency
    where rules.cdn_traffic_share > 0
),

taken as (
    select
        sized.x_source,
        sized.currency,
        sized.resource_id,
        sum({{ price_times('tiers.unit_price', measure('greatest(least(sized.moved_gb - tiers.cheaper_gb, tiers.gb), 0)')) }}) as cost_of_moved,
        min(tiers.unit_price) as cheapest_price,
        count(*) as tiers
    from sized
    inner join {{ ref('int_optimization__traffic_tiers') }} as tiers
        on
            sized.x_source = tiers.x_source
            and sized.billing_account_id = tiers.billing_account_id
            and sized.currency = tiers.currency
    group by sized.x_source, sized.currency, sized.resource_id
),

found as (
    select
        sized.*,
        taken.cost_of_moved,
        taken.cheapest_price,
        taken.tiers,
        clock.run_date,
        cast(null as varchar) as resource_name,
        cast(null as varchar) as environment,
        case when sized.cdn_price is not null then
            {{ money('sized.contracted_cost_month - taken.cost_of_moved + ' ~ price_times('sized.cdn_price', 'sized.moved_gb')) }}
        end as target_cost
    from sized
    cross join {{ ref('int_optimization__clock') }} as clock
    inner join taken
        on sized.x_source = taken.x_source and sized.currency = taken.currency and sized.resource_id = taken.resource_id
)

select
    {{ candidate_columns({
        'current_config': json_of({'traffic': "'to the internet'"}),
        'recommended_config': json_of({'traffic': "'content network'", 'share': 'found.cdn_traffic_share'}),
        'cost_part': "'transfer_out'",
        'target_cost_month': 'found.target_cost',
        'is_automatable': 'false',
        'evidence': json_of({
            'moved_gb': 'found.moved_gb',
            'cdn_traffic_share': 'found.cdn_traffic_share',
            'tiers': 'found.tiers',
            'cheapest_tier_price': 'found.cheapest_price',
            'cost_of_moved_at_cheapest_tiers': 'found.cost_of_moved',
            'cdn_price': 'found.cdn_price',
            'contracted_cost_month': 'found.contracted_cost_month'
        }),
        'data_gaps': json_words({'target_price': 'found.target_cost is null', 'request_mix': 'true'})
    }) }}
from found
where found.target_cost is null or found.target_cost < found.contracted_cost_month
