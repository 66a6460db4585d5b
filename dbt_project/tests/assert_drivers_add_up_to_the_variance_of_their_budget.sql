-- To the last decimal: each month with a variance has drivers and they are it; the months of a budget that is over
-- are its own once all its days count.
with

explained as (
    select budget_id, period, month, sum(amount) as amount
    from {{ ref('fct_budget_variance') }}
    group by budget_id, period, month
),

months as (
    select
        budget_id,
        period,
        sum(variance) as variance,
        sum(planned_amount) as planned_amount
    from {{ ref('fct_budget_months') }}
    group by budget_id, period
)

select months.budget_id, months.period, months.month, explained.amount as found, months.variance as expected
from {{ ref('fct_budget_months') }} as months
left join explained
    on
        months.budget_id = explained.budget_id
        and months.period = explained.period
        and months.month = explained.month
where months.variance is distinct from explained.amount
union all
select status.budget_id, status.period, null as month, months.variance as found, status.variance as expected
from {{ ref('fct_budget_status') }} as status
left join months on status.budget_id = months.budget_id and status.period = months.period
where
    status.status = 'over'
    and status.newest_days in ('final', 'completed')
    and (status.variance is distinct from months.variance or status.adjusted_amount is distinct from months.planned_amount)
