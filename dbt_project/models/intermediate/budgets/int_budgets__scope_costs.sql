-- What each budgeted scope cost, in reporting currency. Grain: scope × value × day.
-- Costs are effective and allocated. One currency without a rate makes the day NULL: it is never counted as nothing.
with

scopes as (
    select distinct
        scope,
        coalesce(scope_value, '') as scope_value
    from {{ ref('int_budgets__current') }}
)

select
    scopes.scope,
    scopes.scope_value,
    costs.charge_date,
    case when sum(costs.unconverted) = 0 then {{ money('sum(costs.reporting_cost)') }} end as cost
from scopes
inner join {{ ref('int_budgets__costs') }} as costs
    on {{ in_scope('scopes.scope', 'costs') }} = scopes.scope_value
group by scopes.scope, scopes.scope_value, costs.charge_date
