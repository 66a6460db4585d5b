-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- How a pool's money ends at cost centres. Grain: pool × billing period × scope × day × cost centre.
-- '~unallocated' holds what no driver, percentage or ending loop claims.
with

edges as (
    select * from {{ ref('int_allocation__edges') }} where share > 0 and {{ in_stale_period('billing_period') }}
),

network as (
    select * from {{ ref('int_allocation__network') }} where {{ in_stale_period('billing_period') }}
),

-- Of a pool that receives, the network already says where its money ends.
givers as (
    select edges.*
    from edges
    left join (select distinct billing_period, pool_id from network) as received
        on edges.billing_period = received.billing_period and edges.pool_id = received.pool_id
    where received.pool_id is null
),

parts as (
    select pool_id, billing_period, scope, charge_date, target as cost_center_id, share
    from givers
    where not is_pool
    union all
    select
        givers.pool_id,
        givers.billing_period,
        givers.scope,
        givers.charge_date,
        network.target as cost_center_id,
        cast(round(givers.share * network.share, 18) as decimal(19, 18)) as share
    from givers
    inner join network on givers.billing_period = network.billing_period and givers.target = network.pool_id
    where givers.is_pool
    union all
    select pool_id, billing_period, '' as scope, cast(null as date) as charge_date, target as cost_center_id, share
    from network
),

merged as (
    select pool_id, billing_period, scope, charge_date, cost_center_id, cast(sum(share) as decimal(19, 18)) as share
    from parts
    group by all
),

groups as (
    select distinct pool_id, billing_period, scope, charge_date from edges
),

-- More than digits are missing: a loop of pools that never reaches a cost centre.
endless as (
    select
        groups.pool_id,
        groups.billing_period,
        groups.scope,
        groups.charge_date,
        '~unallocated' as cost_center_id,
        cast(1 - coalesce(sum(merged.share), 0) as decimal(19, 18)) as share
    from groups
    left join merged
        on
            groups.pool_id = merged.pool_id
            and groups.billing_period = merged.billing_period
            and groups.scope = merged.scope
            and groups.charge_date is not distinct from merged.charge_date
    group by all
    having 1 - coalesce(sum(merged.share), 0) > 0.000001
),

complete as (
    select pool_id, billing_period, scope, charge_date, cost_center_id, cast(sum(share) as decimal(19, 18)) as share
    from (
        select * from merged
        union all
        select * from endless
    ) as all_shares
    group by all
),

own as (
    select
        pool_id,
        billing_period,
        scope,
        charge_date,
        target as cost_center_id,
        case when count(distinct driver) = 1 and count(*) = 1 then max(driver_value) end as driver_value
    from {{ ref('int_allocation__weights') }}
    where target <> '~unallocated' and {{ in_stale_period('billing_period') }}
    group by all
),

methods as (
    select
        weights.pool_id,
        weights.billing_period,
        weights.scope,
        weights.charge_date,
        max(weights.driver) as driver,
        min(case when weights.part_number = 1 and weights.method <> 'unallocated' then weights.method end) as first_method,
        max(case when weights.method <> 'unallocated' then weights.method end) as any_method,
        coalesce(bool_or(weights.is_fallback), false) as is_fallback,
        max(case weights.unallocated_reason when 'zero_driver' then 'zero_driver' end) as zero_reason,
        max(weights.unallocated_reason) as reason
    from {{ ref('int_allocation__weights') }} as weights
    where {{ in_stale_period('weights.billing_period') }}
    group by all
)

select
    complete.pool_id,
    complete.billing_period,
    complete.scope,
    complete.charge_date,
    pools.rule_version,
    complete.cost_center_id,
    case
        when complete.cost_center_id = '~unallocated' then 'unallocated'
        else coalesce(methods.first_method, methods.any_method)
    end as method,
    methods.driver,
    methods.is_fallback,
    own.driver_value,
    complete.share,
    case when complete.cost_center_id = '~unallocated' then coalesce(methods.zero_reason, methods.reason, 'closed_loop') end
        as unallocated_reason,
    -- Money that reaches a pool's users through other pools is surer than none, and less sure than its own driver.
    row_number() over (
        partition by complete.pool_id, complete.billing_period, complete.scope, complete.charge_date
        order by complete.share desc, complete.cost_center_id
    ) as share_rank
from complete
inner join {{ ref('stg_decisions__pools') }} as pools on complete.pool_id = pools.pool_id
left join methods
    on
        complete.pool_id = methods.pool_id
        and complete.billing_period = methods.billing_period
        and complete.scope = methods.scope
        and complete.charge_date is not distinct from methods.charge_date
left join own
    on
        complete.pool_id = own.pool_id
        and complete.billing_period = own.billing_period
        and complete.scope = own.scope
        and complete.charge_date is not distinct from own.charge_date
        and complete.cost_center_id = own.cost_center_id
