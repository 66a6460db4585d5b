-- What each budgeted scope spent its money on. Grain: scope × value × month × source × service × usage or not × currency.
-- Month is that of the charge; `cost` is in currency, `reporting_cost` NULL where a rate is missing.
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
    {{ first_of_its_month('costs.charge_date') }} as month_start,
    costs.x_source,
    costs.service_name,
    costs.is_usage,
    costs.currency,
    {{ money('sum(costs.cost)') }} as cost,
    case when sum(costs.unconverted) = 0 then {{ money('sum(costs.reporting_cost)') }} end as reporting_cost
from scopes
inner join {{ ref('int_budgets__costs') }} as costs
    on {{ in_scope('scopes.scope', 'costs') }} = scopes.scope_value
group by all
