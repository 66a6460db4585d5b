-- Capacity that is paid for and idle, beside usage of the same kind that pays on demand in the same hours: what moving one to the other
-- would save. Grain: idle pool × pool that pays on demand. Pairs of one idle pool are alternatives and are never added.
with

hours as (
    select hours.*
    from {{ ref('int_commitments__hours') }} as hours
    cross join {{ ref('int_savings__window') }} as looked_at
    where hours.charge_date between looked_at.first_day and looked_at.last_day
),

-- What a unit of commitment is worth on demand is known from what the pool's commitments did cover; of idle ones it is at least 1.
idle_pools as (
    select
        pool_id, provider, billing_account_id, program, currency,
        {{ money('sum(unused_cost)') }} as unused_cost,
        greatest(1, coalesce({{ ratio('sum(covered_cost)', 'sum(used_cost)') }}, 1)) as worth
    from hours
    group by pool_id, provider, billing_account_id, program, currency
    having sum(unused_cost) > 0
),

matched as (
    select
        idle_pools.pool_id as idle_pool_id,
        busy.pool_id as on_demand_pool_id,
        idle_pools.provider,
        idle_pools.program,
        idle_pools.currency,
        idle_pools.billing_account_id as idle_billing_account_id,
        busy.billing_account_id as on_demand_billing_account_id,
        max(idle_pools.unused_cost) as unused_cost,
        max(idle_pools.worth) as worth,
        cast(count(*) as bigint) as matched_hours,
        min(least(idle.is_hourly, busy.is_hourly)) as is_hourly,
        {{ money('sum(least(cast(idle.unused_cost * cast(idle_pools.worth as decimal(9, 6)) as decimal(38, 12)), busy.on_demand_cost))') }}
            as saving
    from idle_pools
    inner join hours as idle on idle_pools.pool_id = idle.pool_id
    inner join hours as busy
        on
            idle_pools.provider = busy.provider
            and idle_pools.program = busy.program
            and idle_pools.currency = busy.currency
            and idle.charge_hour = busy.charge_hour
    where idle.unused_cost > 0 and busy.on_demand_cost > 0
    group by
        idle_pools.pool_id, busy.pool_id, idle_pools.provider, idle_pools.program, idle_pools.currency,
        idle_pools.billing_account_id, busy.billing_account_id
)

select
    matched.idle_pool_id,
    matched.on_demand_pool_id,
    matched.provider,
    matched.program,
    matched.currency,
    matched.idle_billing_account_id,
    matched.on_demand_billing_account_id,
    matched.idle_pool_id = matched.on_demand_pool_id as is_same_pool,
    matched.matched_hours,
    case when matched.is_hourly = 1 then 'hour' else 'day' end as granularity,
    cast(matched.worth as decimal(18, 6)) as on_demand_worth,
    {{ per_month('matched.unused_cost', 'looked_at.days') }} as unused_cost_month,
    {{ per_month('matched.saving', 'looked_at.days') }} as saving_month,
    cast(row_number() over (
        partition by matched.idle_pool_id order by matched.saving desc, matched.on_demand_pool_id
    ) as integer) as place
from matched
cross join {{ ref('int_savings__window') }} as looked_at
