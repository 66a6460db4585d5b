-- Traffic of workloads that run in several clouds, as it leaves each of them, beside a private line. Grain: workload × source that sends ×
-- other provider × offer × currency. No bill says where traffic goes: all that leaves is taken to go to the other cloud, so savings are
-- upper bounds, and rows of one workload are alternatives that are never added.
with

sent as (
    select
        workload,
        provider,
        x_source,
        currency,
        {{ measure("sum(case when component = 'egress_gb' then quantity_month else 0 end)") }} as egress_gb,
        {{ money("sum(case when component = 'egress_gb' then effective_cost_month else 0 end)") }} as egress_cost
    from {{ ref('int_migration__usage') }}
    group by workload, provider, x_source, currency
),

pairs as (
    select distinct
        sent.*,
        others.provider as other_provider
    from sent
    inner join sent as others on sent.workload = others.workload and sent.provider <> others.provider
    where sent.egress_gb > 0 and sent.egress_cost > 0
),

-- Moving the consumer to the producer's cloud instead: what the other side would cost more here.
moves as (
    select
        workload,
        provider,
        target_provider,
        min(target_cost_month - comparable_cost_month) as cost_of_moving
    from {{ ref('fct_migration_screening') }}
    where target_cost_month is not null
    group by workload, provider, target_provider
),

offered as (
    select
        pairs.*,
        offers.offer_id,
        offers.fixed_month,
        offers.price_gb as offer_price_gb,
        {{ unit_price('pairs.egress_cost', 'cast(pairs.egress_gb as decimal(38, 12))') }} as egress_price_gb,
        moves.cost_of_moving,
        rates.rate
    from pairs
    left join {{ ref('stg_decisions__interconnect_offers') }} as offers
        on
            pairs.provider = lower(offers.provider)
            and lower(offers.other_provider) in (pairs.other_provider, '*')
            and pairs.currency = offers.currency
    left join moves
        on
            pairs.workload = moves.workload
            and pairs.other_provider = moves.provider
            and pairs.provider = moves.target_provider
    left join {{ ref('int_currency__newest_rates') }} as rates on pairs.currency = rates.from_currency
)

select
    {{ hash_of(['workload', 'x_source', 'currency', 'other_provider', "coalesce(offer_id, '-')"]) }} as transfer_id,
    workload,
    provider,
    x_source,
    other_provider,
    currency,
    egress_gb as egress_gb_month,
    egress_cost as egress_cost_month,
    cast(egress_price_gb as decimal(38, 18)) as egress_price_gb,
    offer_id,
    fixed_month,
    offer_price_gb,
    case
        when egress_price_gb > offer_price_gb
            then cast(cast(fixed_month as double) / cast(egress_price_gb - offer_price_gb as double) as decimal(18, 6))
    end as break_even_gb,
    {{ money('egress_cost - fixed_month - ' ~ price_times('offer_price_gb', 'egress_gb')) }} as line_saving_month,
    cast(cost_of_moving as decimal(28, 12)) as move_consumer_cost_month_reporting,
    {{ money('egress_cost * rate') }} > cost_of_moving as is_moving_consumer_cheaper,
    cast(0.4 as decimal(4, 2)) as confidence
from offered
