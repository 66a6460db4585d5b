-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- Allocated costs by everything that the scope of a budget may name.
-- Grain: billing period × day × source × provider × sub-account × service × usage, credit or neither × currency × cost centre.
-- Each line is converted by itself and once: what is summed of these by day or by month agrees to the last decimal.
select
    costs.billing_period,
    costs.charge_date,
    costs.x_source,
    costs.provider,
    costs.sub_account_id,
    costs.service_name,
    costs.charge_category = 'Usage' as is_usage,
    costs.charge_kind = 'credit' as is_credit,
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
        and costs.charge_date < coalesce(centers.valid_to, date '9999-12-31')
where {{ in_stale_period('costs.billing_period') }}
group by all
