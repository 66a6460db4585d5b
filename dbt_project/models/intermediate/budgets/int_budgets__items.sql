-- What each budgeted scope spent its money on. Grain: scope × value × month × source × service × usage or not × currency.
-- Month is that of the charge; `cost` is in currency, `reporting_cost` NULL where a rate is missing.
with

scopes as (
    select distinct
        scope,
        coalesce(scope_value, '') as scope_value
    from {{ ref('int_budgets__current') }}
),

costs as (
    select
        costs.*,
        centers.department,
        centers.business_unit,
        {{ money('costs.allocated_cost * rates.rate') }} as reporting_cost
    from {{ ref('fct_allocated_costs') }} as costs
    left join {{ ref('int_currency__rates') }} as rates
        on costs.currency = rates.from_currency and costs.billing_period = rates.billing_period
    left join {{ ref('dim_cost_centers') }} as centers
        on
            costs.cost_center_id = centers.cost_center_id
            and costs.charge_date >= centers.valid_from
            and (centers.valid_to is null or costs.charge_date < centers.valid_to)
)

select
    scopes.scope,
    scopes.scope_value,
    {{ first_of_its_month('costs.charge_date') }} as month_start,
    costs.x_source,
    costs.service_name,
    costs.charge_category = 'Usage' as is_usage,
    costs.currency,
    {{ money('sum(costs.allocated_cost)') }} as cost,
    case when count(costs.reporting_cost) = count(*) then {{ money('sum(costs.reporting_cost)') }} end as reporting_cost
from scopes
inner join costs on {{ in_scope('scopes.scope', 'costs') }} = scopes.scope_value
group by all
