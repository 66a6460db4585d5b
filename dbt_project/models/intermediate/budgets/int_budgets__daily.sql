-- What each budget has spent up to each day of its period. Grain: budget × period × day with costs.
select
    budgets.budget_id,
    budgets.period,
    budgets.version,
    budgets.amount,
    costs.charge_date,
    costs.cost,
    costs.late_cost,
    costs.is_unknown,
    sum(costs.cost) over (
        partition by budgets.budget_id, budgets.period order by costs.charge_date rows unbounded preceding
    ) as spent,
    sum(case when costs.cost is null then 1 else 0 end) over (
        partition by budgets.budget_id, budgets.period order by costs.charge_date rows unbounded preceding
    ) as unconverted_days
from {{ ref('int_budgets__current') }} as budgets
inner join {{ ref('int_budgets__scope_costs') }} as costs
    on
        budgets.scope = costs.scope
        and coalesce(budgets.scope_value, '') = costs.scope_value
        and costs.charge_date >= budgets.starts_on
        and costs.charge_date < budgets.ends_on
