-- Until which day the costs of a budgeted scope are known well enough to be counted; forecasts take over after it.
-- Grain: scope × value.
select
    costs.scope,
    costs.scope_value,
    coalesce({{ plus_days('min(case when costs.is_unknown then costs.charge_date end)', -1) }}, any_value(known.as_of_date))
        as counted_until
from {{ ref('int_budgets__scope_costs') }} as costs
cross join ({{ known_days() }}) as known
group by costs.scope, costs.scope_value
