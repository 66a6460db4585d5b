-- How much a calendar month usually costs beside a mean month, per day. Grain: scope × value × first day of a budget × month.
-- From the two whole years before the budget begins, each month beside the straight line through both years' means, so that
-- growth is no season. Both years must agree: the ratio that is nearer to 1, and 1 where one is above and the other below.
-- No row without two whole years.
with

known as ({{ known_days() }}),

begins as (
    select distinct
        budgets.scope,
        coalesce(budgets.scope_value, '') as scope_value,
        budgets.starts_on,
        least(budgets.starts_on, known.end_month) as ends_on
    from {{ ref('int_budgets__current') }} as budgets
    cross join known
    where {{ dbt.datediff('known.first_month', 'least(budgets.starts_on, known.end_month)', 'month') }} >= 24
),

months as (
    select
        scope,
        scope_value,
        {{ first_of_its_month('charge_date') }} as month_start,
        case when count(cost) = count(*) then {{ money('sum(cost)') }} end as cost
    from {{ ref('int_budgets__scope_costs') }}
    group by all
),

-- Position 1 is the last month before the budget, 24 the first of both years. A month without a rate leaves less than 24.
positions as (
    select
        begins.scope,
        begins.scope_value,
        begins.starts_on,
        months.month_start,
        {{ dbt.datediff('months.month_start', 'begins.ends_on', 'month') }} as position,
        {{ ratio('months.cost', dbt.datediff('months.month_start', dbt.dateadd('month', 1, 'months.month_start'), 'day')) }}
            as day_cost
    from begins
    inner join months
        on
            begins.scope = months.scope
            and begins.scope_value = months.scope_value
            and months.month_start < begins.ends_on
    where {{ dbt.datediff('months.month_start', 'begins.ends_on', 'month') }} <= 24
),

years as (
    select
        scope,
        scope_value,
        starts_on,
        {{ ratio('sum(case when position <= 12 then day_cost else 0 end)', '12') }} as late_mean,
        {{ ratio('sum(case when position > 12 then day_cost else 0 end)', '12') }} as early_mean
    from positions
    group by scope, scope_value, starts_on
    having count(day_cost) = 24
),

levels as (
    select
        positions.scope,
        positions.scope_value,
        positions.starts_on,
        extract(month from positions.month_start) as calendar_month,
        positions.day_cost,
        greatest(years.late_mean, years.early_mean) as higher_mean,
        years.late_mean + {{ ratio('(years.early_mean - years.late_mean) * (2 * positions.position - 13)', '24') }} as level
    from positions
    inner join years
        on
            positions.scope = years.scope
            and positions.scope_value = years.scope_value
            and positions.starts_on = years.starts_on
),

-- A scope that shrinks or grows so fast that the line nearly reaches zero has no season to tell.
steady as (
    select scope, scope_value, starts_on
    from levels
    group by scope, scope_value, starts_on
    having min(level - cast(higher_mean * 0.1 as decimal(18, 6))) > 0
),

ratios as (
    select
        levels.scope,
        levels.scope_value,
        levels.starts_on,
        levels.calendar_month,
        min(greatest({{ ratio('levels.day_cost', 'levels.level') }}, 0)) as lower_ratio,
        max(greatest({{ ratio('levels.day_cost', 'levels.level') }}, 0)) as higher_ratio
    from levels
    inner join steady
        on
            levels.scope = steady.scope
            and levels.scope_value = steady.scope_value
            and levels.starts_on = steady.starts_on
    group by levels.scope, levels.scope_value, levels.starts_on, levels.calendar_month
)

select
    scope,
    scope_value,
    starts_on,
    cast(calendar_month as integer) as calendar_month,
    cast(case
        when lower_ratio > 1 then lower_ratio
        when higher_ratio < 1 then higher_ratio
        else 1
    end as decimal(18, 6)) as seasonal_index
from ratios
