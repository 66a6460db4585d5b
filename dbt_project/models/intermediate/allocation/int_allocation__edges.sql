-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- Who is served by a pool, all parts together, as far as the policy shared_on_shared lets pools serve each other.
-- Grain: pool × billing period × scope × day × target. Shares of one group sum to 1, but for digits beyond the 12th.
-- reciprocal: all of it. direct: pools get nothing. step_down: pools close in the order of what they give to other
-- pools, largest first; a closed pool receives nothing more. What a pool may not get, the others get in proportion.
with

merged as (
    select
        pool_id,
        billing_period,
        scope,
        charge_date,
        target,
        is_pool,
        cast(sum(part_share * share) as decimal(19, 18)) as share
    from {{ ref('int_allocation__weights') }}
    where {{ in_stale_period('billing_period') }}
    group by all
),

given as (
    select
        pool_id,
        billing_period,
        sum(case when is_pool then share else 0 end) as to_pools
    from merged
    where scope = '' and charge_date is null
    group by pool_id, billing_period
),

closing as (
    select
        pool_id,
        billing_period,
        row_number() over (partition by billing_period order by to_pools desc, pool_id) as position
    from given
),

allowed as (
    select
        merged.*,
        -- All 18 decimals count when the rest is split anew.
        cast(merged.share * 1000000 as decimal(32, 12)) as millionths,
        policies.shared_on_shared,
        case
            when not merged.is_pool or policies.shared_on_shared = 'reciprocal' then true
            when policies.shared_on_shared = 'direct' then false
            -- Pools split by day or source never receive, so they close before all others.
            else coalesce(giver.position, 0) < receiver.position
        end as is_allowed
    from merged
    cross join {{ ref('int_allocation__policies') }} as policies
    left join closing as giver
        on
            case when merged.scope = '' and merged.charge_date is null then merged.pool_id end = giver.pool_id
            and merged.billing_period = giver.billing_period
    left join closing as receiver on merged.target = receiver.pool_id and merged.billing_period = receiver.billing_period
)

select
    pool_id,
    billing_period,
    scope,
    charge_date,
    target,
    is_pool,
    case
        when sum(case when is_allowed then 0 else 1 end) over (
            partition by pool_id, billing_period, scope, charge_date
        ) = 0 then share
        when is_allowed then {{ share_of('millionths', 'sum(case when is_allowed then millionths else 0 end) over ('
            ~ 'partition by pool_id, billing_period, scope, charge_date)') }}
        else 0
    end as share
from allowed
