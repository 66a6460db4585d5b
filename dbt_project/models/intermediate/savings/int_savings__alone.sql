-- What each candidate would take off the bill if nothing else were done. Grain: candidate.
-- The bill of an hour falls only by what no commitment pays: the smaller of the saving and the pool's usage on demand in that hour.
with

hours as (
    select
        eligible.candidate_id,
        {{ money('eligible.eligible_cost * priced.share') }} as saving,
        coalesce(pools.on_demand_cost, 0) as on_demand_cost
    from {{ ref('int_savings__eligible_hours') }} as eligible
    inner join {{ ref('int_savings__priced') }} as priced on eligible.candidate_id = priced.candidate_id
    left join {{ ref('int_commitments__hours') }} as pools
        on eligible.pool_id = pools.pool_id and eligible.charge_hour = pools.charge_hour
),

covered as (
    select candidate_id, {{ money('sum(saving - least(saving, on_demand_cost))') }} as covered_saving
    from hours
    group by candidate_id
)

select
    priced.candidate_id,
    {{ money('greatest(priced.savings_contract - coalesce(' ~ per_month('covered.covered_saving', 'looked_at.days') ~ ', 0), 0)') }}
        as savings_net_alone
from {{ ref('int_savings__priced') }} as priced
left join covered on priced.candidate_id = covered.candidate_id
cross join {{ ref('int_savings__window') }} as looked_at
where priced.savings_contract is not null
