-- What each budgeted scope cost, in reporting currency. Grain: scope × value × day.
-- Costs are effective and allocated. One currency without a rate makes the day NULL: it is never counted as nothing.
with

scopes as (
    select distinct
        scope,
        coalesce(scope_value, '') as scope_value
    from {{ ref('int_budgets__current') }}
),

kinds as (
    select distinct scope from scopes
),

valued as (
    select
        kinds.scope,
        {{ in_scope('kinds.scope', 'costs') }} as scope_value,
        costs.charge_date,
        costs.reporting_cost,
        costs.unconverted
    from {{ ref('int_budgets__costs') }} as costs
    cross join kinds
)

select
    valued.scope,
    valued.scope_value,
    valued.charge_date,
    case when sum(valued.unconverted) = 0 then {{ money('sum(valued.reporting_cost)') }} end as cost
from valued
inner join scopes on valued.scope = scopes.scope and valued.scope_value = scopes.scope_value
group by valued.scope, valued.scope_value, valued.charge_date
