-- To the last decimal: what a budget's drivers say is what it spent beyond its amount.
select
    drivers.budget_id,
    drivers.period,
    sum(drivers.amount) as explained,
    max(status.variance) as variance
from {{ ref('fct_budget_variance') }} as drivers
inner join {{ ref('fct_budget_status') }} as status on drivers.budget_id = status.budget_id and drivers.period = status.period
group by drivers.budget_id, drivers.period
having sum(drivers.amount) <> max(status.variance)
