-- What each budgeted scope spent its money on. Grain: scope × value × month × source × service × usage or not × currency.
-- Month is that of the charge; `cost` is in currency, `reporting_cost` NULL where a rate is missing.
with

scopes as (
    select distinct
        scope,
        coalesce(scope_value, '') as scope_value
    from {{ ref('int_budgets__current') }}
),

-- Summed before scopes are looked for: a few scopes are compared with every row that is left.
costs as (
    select
        {{ first_of_its_month('costs.charge_date') }} as month_start,
        costs.x_source,
        costs.provider,
        costs.sub_account_id,
        costs.service_name,
        costs.charge_category = 'Usage' as is_usage,
        costs.currency,
        costs.cost_center_id,
        centers.department,
        centers.business_unit,
        {{ money('sum(costs.allocated_cost)') }} as cost,
        {{ money('sum(' ~ money('costs.allocated_cost * rates.rate') ~ ')') }} as reporting_cost,
        sum(case when rates.rate is null then 1 else 0 end) as unconverted
    from {{ ref('fct_allocated_costs') }} as costs
    left join {{ ref('int_currency__rates') }} as rates
        on costs.currency = rates.from_currency and costs.billing_period = rates.billing_period
    left join {{ ref('dim_cost_centers') }} as centers
        on
            costs.cost_center_id = centers.cost_center_id
            and costs.charge_date >= centers.valid_from
            and (centers.valid_to is null or costs.charge_date < centers.valid_to)
    group by all
)

select
    scopes.scope,
    scopes.scope_value,
    costs.month_start,
    costs.x_source,
    costs.service_name,
    costs.is_usage,
    costs.currency,
    {{ money('sum(costs.cost)') }} as cost,
    case when sum(costs.unconverted) = 0 then {{ money('sum(costs.reporting_cost)') }} end as reporting_cost
from scopes
inner join costs on {{ in_scope('scopes.scope', 'costs') }} = scopes.scope_value
group by all
