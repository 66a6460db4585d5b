-- What each budgeted scope cost, in reporting currency. Grain: scope × value × day.
-- Costs are effective and allocated. One currency without a rate makes the day NULL: it is never counted as nothing.
select
    scope,
    scope_value,
    charge_date,
    case when sum(unconverted) = 0 then {{ money('sum(reporting_cost)') }} end as cost
from {{ ref('int_budgets__scoped') }}
group by scope, scope_value, charge_date
