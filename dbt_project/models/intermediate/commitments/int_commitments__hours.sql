-- What every hour of a pool cost and could have cost. Grain: pool × hour. Money that is billed for more than an hour is spread
-- evenly over its hours (is_hourly is 0 there), to the last decimal. Costs are in the pool's currency.
with

spans as (
    select
        coalesce(pools.pool_id, {{ pool_id('spans.') }}) as pool_id,
        spans.x_source,
        spans.provider,
        coalesce(pools.billing_account_id, spans.billing_account_id) as billing_account_id,
        coalesce(pools.program, spans.program) as program,
        spans.currency,
        spans.status,
        date_trunc('hour', spans.period_start) as period_start,
        least(greatest({{ hours_from('spans.period_start', 'spans.period_end') }}, 1), 744) as hours,
        spans.is_valued_at_list,
        spans.effective_cost,
        spans.contracted_cost
    from {{ ref('int_commitments__spans') }} as spans
    left join {{ ref('int_commitments__pools') }} as pools
        on
            spans.x_source = pools.x_source
            and spans.commitment_id = pools.commitment_id
            and spans.currency = pools.currency
),

summed as (
    select
        pool_id, provider, billing_account_id, program, currency, period_start, hours,
        max(is_valued_at_list) as is_valued_at_list,
        {{ money("sum(case when status = 'on_demand' then contracted_cost else 0 end)") }} as on_demand_cost,
        {{ money("sum(case when status = 'used' then contracted_cost else 0 end)") }} as covered_cost,
        {{ money("sum(case when status = 'used' then effective_cost else 0 end)") }} as used_cost,
        {{ money("sum(case when status = 'unused' then effective_cost else 0 end)") }} as unused_cost
    from spans
    group by pool_id, provider, billing_account_id, program, currency, period_start, hours
),

hourly as (
    select
        summed.pool_id,
        summed.provider,
        summed.billing_account_id,
        summed.program,
        summed.currency,
        {{ plus_hours('summed.period_start', 'positions.n - 1') }} as charge_hour,
        case when summed.hours = 1 then 1 else 0 end as is_hourly,
        summed.is_valued_at_list,
        {{ equal_part('summed.on_demand_cost', 'summed.hours', 'positions.n') }} as on_demand_cost,
        {{ equal_part('summed.covered_cost', 'summed.hours', 'positions.n') }} as covered_cost,
        {{ equal_part('summed.used_cost', 'summed.hours', 'positions.n') }} as used_cost,
        {{ equal_part('summed.unused_cost', 'summed.hours', 'positions.n') }} as unused_cost
    from summed
    inner join {{ integers('1', '744') }} as positions on summed.hours >= positions.n
)

select
    pool_id,
    provider,
    billing_account_id,
    program,
    currency,
    charge_hour,
    cast(charge_hour as date) as charge_date,
    min(is_hourly) as is_hourly,
    max(is_valued_at_list) as is_valued_at_list,
    {{ money('sum(on_demand_cost)') }} as on_demand_cost,
    {{ money('sum(covered_cost)') }} as covered_cost,
    {{ money('sum(used_cost)') }} as used_cost,
    {{ money('sum(unused_cost)') }} as unused_cost
from hourly
group by pool_id, provider, billing_account_id, program, currency, charge_hour
