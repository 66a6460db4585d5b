-- What each budgeted scope spent its money on. Grain: scope × value × month × first day or later × source × service × usage or
-- not × currency. Month is that of the charge; `cost` is in currency, `reporting_cost` NULL where a rate is missing.
select
    scope,
    scope_value,
    {{ first_of_its_month('charge_date') }} as month_start,
    extract(day from charge_date) = 1 as is_first_day,
    x_source,
    service_name,
    is_usage,
    currency,
    {{ money('sum(cost)') }} as cost,
    case when sum(unconverted) = 0 then {{ money('sum(reporting_cost)') }} end as reporting_cost
from {{ ref('int_budgets__scoped') }}
group by all
