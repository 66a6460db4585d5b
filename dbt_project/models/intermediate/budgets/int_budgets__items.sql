-- What each budgeted scope spent its money on. Grain: scope × value × month × source × service × usage or not × currency.
-- Month is that of the charge; `cost` is in currency, `reporting_cost` NULL where a rate is missing.
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
        {{ first_of_its_month('costs.charge_date') }} as month_start,
        costs.x_source,
        costs.service_name,
        costs.is_usage,
        costs.currency,
        costs.cost,
        costs.reporting_cost,
        costs.unconverted
    from {{ ref('int_budgets__costs') }} as costs
    cross join kinds
)

select
    valued.scope,
    valued.scope_value,
    valued.month_start,
    valued.x_source,
    valued.service_name,
    valued.is_usage,
    valued.currency,
    {{ money('sum(valued.cost)') }} as cost,
    case when sum(valued.unconverted) = 0 then {{ money('sum(valued.reporting_cost)') }} end as reporting_cost
from valued
inner join scopes on valued.scope = scopes.scope and valued.scope_value = scopes.scope_value
group by all
