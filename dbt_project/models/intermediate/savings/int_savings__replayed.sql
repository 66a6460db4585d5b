-- The replay per month. Grain: chosen candidate. covered_saving_month is what commitments keep costing until they end.
with

summed as (
    select
        candidate_id,
        {{ money('sum(saving)') }} as saving,
        {{ money('sum(saving_net)') }} as saving_net
    from {{ ref('int_savings__replayed_hours') }}
    group by candidate_id
)

select
    summed.candidate_id,
    {{ per_month('summed.saving', 'looked_at.days') }} as eligible_saving_month,
    {{ per_month('summed.saving_net', 'looked_at.days') }} as eligible_saving_net_month,
    {{ per_month('summed.saving - summed.saving_net', 'looked_at.days') }} as covered_saving_month
from summed
cross join {{ ref('int_savings__window') }} as looked_at
