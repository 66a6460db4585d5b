-- The bill replayed with the chosen candidates, one after the other: what each takes off it now, given those before it. Grain: candidate ×
-- pool × hour. An hour's bill is its commitments, which are paid anyway, and the usage on demand; savings beyond that usage come only when
-- commitments end.
with

hours as (
    select
        eligible.candidate_id,
        eligible.pool_id,
        eligible.charge_hour,
        chosen.stack_order,
        {{ money('eligible.eligible_cost * chosen.marginal_share') }} as saving
    from {{ ref('int_savings__eligible_hours') }} as eligible
    inner join {{ ref('int_savings__chosen') }} as chosen on eligible.candidate_id = chosen.candidate_id
    where chosen.is_chosen
),

running as (
    select
        hours.candidate_id,
        hours.pool_id,
        hours.charge_hour,
        hours.saving,
        coalesce(pools.on_demand_cost, 0) as on_demand_cost,
        sum(hours.saving) over (
            partition by hours.pool_id, hours.charge_hour order by hours.stack_order, hours.candidate_id
            rows between unbounded preceding and current row
        ) as saving_to
    from hours
    left join {{ ref('int_commitments__hours') }} as pools
        on hours.pool_id = pools.pool_id and hours.charge_hour = pools.charge_hour
)

select
    candidate_id,
    pool_id,
    charge_hour,
    saving,
    {{ money('least(saving_to, on_demand_cost) - least(saving_to - saving, on_demand_cost)') }} as saving_net
from running
