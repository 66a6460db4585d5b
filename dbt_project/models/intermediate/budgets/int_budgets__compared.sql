-- Each begun month of a budget beside the time before the budget. Grain: budget × period × month × source × service × usage or
-- not × currency. The time before is as long as the budget, as far as whole months of it are known. Its first days of months,
-- with the fees that are booked on them, stand for the month's first day; its other days are taken at as many days as the month
-- has after its first. Amounts are in currency (…_cost) and in reporting currency at the rates of then (…_reporting).
with

known as ({{ known_days() }}),

months as (
    select
        months.budget_id,
        months.period,
        months.month,
        months.month_start,
        months.scope,
        months.scope_value,
        months.elapsed_days as days,
        months.budget_starts_on as starts_on,
        greatest(known.first_month, cast({{ dbt.dateadd(
            'month', '-' ~ dbt.datediff('months.budget_starts_on', 'months.budget_ends_on', 'month'), 'months.budget_starts_on'
        ) }} as date)) as before_starts_on
    from {{ ref('fct_budget_months') }} as months
    cross join known
    where months.variance is not null
),

-- A budget that begins with the first bills has nothing to be compared with.
comparable as (
    select
        *,
        {{ share_of('cast(1 as decimal(18, 12))', 'cast(before_months as decimal(18, 12))') }} as first_share,
        {{ share_of('cast(days - 1 as decimal(18, 12))', 'cast(before_days - before_months as decimal(18, 12))') }} as other_share
    from (
        select
            *,
            {{ dbt.datediff('before_starts_on', 'starts_on', 'month') }} as before_months,
            {{ dbt.datediff('before_starts_on', 'starts_on', 'day') }} as before_days
        from months
        where before_starts_on < starts_on
    ) as counted
),

spans as (
    select distinct scope, scope_value, before_starts_on, starts_on from comparable
),

before as (
    select
        spans.scope,
        spans.scope_value,
        spans.before_starts_on,
        spans.starts_on,
        items.is_first_day,
        items.x_source,
        items.service_name,
        items.is_usage,
        items.currency,
        {{ money('sum(items.cost)') }} as cost,
        {{ money('sum(items.reporting_cost)') }} as reporting_cost,
        count(*) - count(items.reporting_cost) as unconverted
    from spans
    inner join {{ ref('int_budgets__items') }} as items
        on
            spans.scope = items.scope
            and spans.scope_value = items.scope_value
            and items.month_start >= spans.before_starts_on
            and items.month_start < spans.starts_on
    group by all
),

sides as (
    select
        comparable.budget_id,
        comparable.period,
        comparable.month,
        before.x_source,
        before.service_name,
        before.is_usage,
        before.currency,
        {{ share_of_money('before.cost', 'case when before.is_first_day then comparable.first_share else comparable.other_share end') }}
            as before_cost,
        cast(0 as decimal(28, 12)) as actual_cost,
        {{ share_of_money(
            'before.reporting_cost', 'case when before.is_first_day then comparable.first_share else comparable.other_share end'
        ) }} as before_reporting,
        cast(0 as decimal(28, 12)) as actual_reporting,
        before.unconverted
    from comparable
    inner join before
        on
            comparable.scope = before.scope
            and comparable.scope_value = before.scope_value
            and comparable.before_starts_on = before.before_starts_on
            and comparable.starts_on = before.starts_on
    union all
    select
        comparable.budget_id,
        comparable.period,
        comparable.month,
        items.x_source,
        items.service_name,
        items.is_usage,
        items.currency,
        cast(0 as decimal(28, 12)) as before_cost,
        items.cost as actual_cost,
        cast(0 as decimal(28, 12)) as before_reporting,
        items.reporting_cost as actual_reporting,
        case when items.reporting_cost is null then 1 else 0 end as unconverted
    from comparable
    inner join {{ ref('int_budgets__items') }} as items
        on
            comparable.scope = items.scope
            and comparable.scope_value = items.scope_value
            and comparable.month_start = items.month_start
),

summed as (
    select
        budget_id, period, month, x_source, service_name, is_usage, currency,
        {{ money('sum(before_cost)') }} as before_cost,
        {{ money('sum(actual_cost)') }} as actual_cost,
        {{ money('sum(before_reporting)') }} as before_reporting,
        {{ money('sum(actual_reporting)') }} as actual_reporting,
        sum(unconverted) as unconverted
    from sides
    group by all
)

select
    summed.*,
    comparable.month_start,
    comparable.starts_on,
    comparable.before_starts_on,
    comparable.days,
    comparable.first_share,
    comparable.other_share
from summed
inner join comparable
    on
        summed.budget_id = comparable.budget_id
        and summed.period = comparable.period
        and summed.month = comparable.month
