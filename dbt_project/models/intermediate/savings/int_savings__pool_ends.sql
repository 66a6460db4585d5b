-- When the first commitment ends that serves the pools of a candidate. Grain: candidate. NULL where no end is known.
select
    hours.candidate_id,
    min(commitments.ends_on) as earliest_commitment_expiry
from (select distinct candidate_id, pool_id from {{ ref('int_savings__eligible_hours') }}) as hours
inner join {{ ref('int_commitments__pools') }} as pools on hours.pool_id = pools.pool_id
inner join {{ ref('int_commitments__terms') }} as commitments
    on pools.x_source = commitments.x_source and pools.commitment_id = commitments.commitment_id
cross join {{ ref('int_savings__window') }} as looked_at
where commitments.ends_on > looked_at.last_day
group by hours.candidate_id
