-- Budgets that are over beside the same span before it. Grain: budget × period × source × service × usage or not × currency.
-- Amounts are in currency (…_cost) and in reporting currency at the rates of then (…_reporting).
with

over as (
    select
        budget_id,
        period,
        scope,
        coalesce(scope_value, '') as scope_value,
        starts_on,
        ends_on,
        cast(
            {{ dbt.dateadd('month', '-' ~ dbt.datediff('starts_on', 'ends_on', 'month'), 'starts_on') }} as date
        ) as before_starts_on
    from {{ ref('fct_budget_status') }}
    where is_over and actual_cost is not null
),

first_month as (
    select min(month_start) as month_start from {{ ref('int_budgets__items') }}
)

select
    over.budget_id,
    over.period,
    over.starts_on,
    over.ends_on,
    over.before_starts_on,
    items.x_source,
    items.service_name,
    items.is_usage,
    items.currency,
    {{ money('sum(case when items.month_start < over.starts_on then items.cost else 0 end)') }} as before_cost,
    {{ money('sum(case when items.month_start >= over.starts_on then items.cost else 0 end)') }} as actual_cost,
    {{ money('sum(case when items.month_start < over.starts_on then items.reporting_cost else 0 end)') }}
        as before_reporting,
    {{ money('sum(case when items.month_start >= over.starts_on then items.reporting_cost else 0 end)') }}
        as actual_reporting,
    count(*) - count(items.reporting_cost) as unconverted
from over
cross join first_month
inner join {{ ref('int_budgets__items') }} as items
    on
        over.scope = items.scope
        and over.scope_value = items.scope_value
        and items.month_start >= over.before_starts_on
        and items.month_start < over.ends_on
where first_month.month_start <= over.before_starts_on
group by
    over.budget_id, over.period, over.starts_on, over.ends_on, over.before_starts_on, items.x_source, items.service_name,
    items.is_usage, items.currency
