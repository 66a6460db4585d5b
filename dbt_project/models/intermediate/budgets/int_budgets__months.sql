-- The months of each budget and which part of it is planned for them. Grain: budget × period × month.
-- By days, each weighted with its month's season where two whole years before the budget tell one. Parts add up to 1.
with

months as (
    select
        budgets.budget_id,
        budgets.period,
        budgets.version,
        budgets.scope,
        coalesce(budgets.scope_value, '') as scope_value,
        budgets.starts_on,
        budgets.ends_on,
        cast({{ dbt.dateadd('month', 'numbers.n', 'budgets.starts_on') }} as date) as month_start,
        cast({{ dbt.dateadd('month', 'numbers.n + 1', 'budgets.starts_on') }} as date) as month_end
    from {{ ref('int_budgets__current') }} as budgets
    cross join {{ integers(0, 11) }} as numbers
    where cast({{ dbt.dateadd('month', 'numbers.n', 'budgets.starts_on') }} as date) < budgets.ends_on
),

weighted as (
    select
        months.*,
        seasons.seasonal_index,
        {{ dbt.datediff('months.month_start', 'months.month_end', 'day') }} as days,
        {{ dbt.datediff('months.month_start', 'months.month_end', 'day') }} * coalesce(seasons.seasonal_index, 1) as weight
    from months
    left join {{ ref('int_budgets__seasons') }} as seasons
        on
            months.scope = seasons.scope
            and months.scope_value = seasons.scope_value
            and months.starts_on = seasons.starts_on
            and extract(month from months.month_start) = seasons.calendar_month
),

summed as (
    select
        *,
        sum(weight) over (partition by budget_id, period) as weights,
        sum(days) over (partition by budget_id, period) as period_days
    from weighted
),

shared as (
    select
        *,
        case
            when weights > 0 then {{ share_of('cast(weight as decimal(18, 12))', 'cast(weights as decimal(18, 12))') }}
            else {{ share_of('cast(days as decimal(18, 12))', 'cast(period_days as decimal(18, 12))') }}
        end as share
    from summed
)

select
    budget_id,
    period,
    version,
    scope,
    scope_value,
    starts_on,
    ends_on,
    month_start,
    month_end,
    seasonal_index,
    -- The last month takes what rounding leaves.
    cast(case
        when month_end = ends_on
            then 1 - coalesce(sum(share) over (
                partition by budget_id, period order by month_start rows between unbounded preceding and 1 preceding
            ), 0)
        else share
    end as decimal(19, 18)) as planned_share
from shared
