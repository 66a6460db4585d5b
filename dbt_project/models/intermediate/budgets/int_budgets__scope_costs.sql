-- What each budgeted scope cost, in reporting currency. Grain: scope × value × day.
-- Costs are effective and allocated. One currency without a rate makes the day NULL: it is never counted as nothing.
-- Each line is converted by itself, as for int_budgets__items, so that both have the same total to the last decimal.
with

scopes as (
    select distinct
        scope,
        coalesce(scope_value, '') as scope_value
    from {{ ref('int_budgets__current') }}
),

costs as (
    select
        costs.charge_date,
        costs.cost_center_id,
        costs.provider,
        costs.sub_account_id,
        costs.service_name,
        centers.department,
        centers.business_unit,
        {{ money('sum(' ~ money('costs.allocated_cost * rates.rate') ~ ')') }} as cost,
        sum(case when rates.rate is null then 1 else 0 end) as unconverted
    from {{ ref('fct_allocated_costs') }} as costs
    left join {{ ref('int_currency__rates') }} as rates
        on costs.currency = rates.from_currency and costs.billing_period = rates.billing_period
    left join {{ ref('dim_cost_centers') }} as centers
        on
            costs.cost_center_id = centers.cost_center_id
            and costs.charge_date >= centers.valid_from
            and costs.charge_date < coalesce(centers.valid_to, date '9999-12-31')
    group by
        costs.charge_date, costs.cost_center_id, costs.provider, costs.sub_account_id, costs.service_name, centers.department,
        centers.business_unit
)

select
    scopes.scope,
    scopes.scope_value,
    costs.charge_date,
    case when sum(costs.unconverted) = 0 then {{ money('sum(costs.cost)') }} end as cost
from scopes
inner join costs
    on {{ in_scope('scopes.scope', 'costs') }} = scopes.scope_value
group by scopes.scope, scopes.scope_value, costs.charge_date
