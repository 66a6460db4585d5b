-- What usage costs with and without commitment discounts. Grain: source × account × service × currency × day.
-- contracted_cost is NULL as soon as one charge does not say it: then nothing can be told from it.
select
    x_source,
    coalesce(sub_account_id, '~none') as sub_account_id,
    service_name,
    billing_currency as currency,
    charge_date,
    {{ money('sum(effective_cost)') }} as effective_cost,
    case when count(contracted_cost) = count(*) then {{ money('sum(contracted_cost)') }} end as contracted_cost
from {{ ref('fct_daily_costs') }}
where charge_category = 'Usage' and charge_kind = 'cost'
group by x_source, coalesce(sub_account_id, '~none'), service_name, billing_currency, charge_date
