-- Plan and actual of each month of each budget that has begun. Grain: budget × period × month. Counted are the days that are
-- known well enough, with what is usually still to come of them (late_cost).
-- Plans of a budget's months add up to its adjusted amount. The month under way is planned up to the newest day, by the shape
-- that its costs usually have.
with

known as ({{ known_days() }}),

seen as (
    select * from {{ ref('int_budgets__counted') }}
),

spent as (
    select
        daily.budget_id,
        daily.period,
        {{ first_of_its_month('daily.charge_date') }} as month_start,
        count(*) - count(daily.cost) as unconverted_days,
        {{ money('sum(daily.cost)') }} as cost,
        {{ money('coalesce(sum(case when daily.charge_date <= seen.counted_until then daily.late_cost else -daily.cost end), 0)') }}
            as late_cost
    from {{ ref('int_budgets__daily') }} as daily
    inner join {{ ref('int_budgets__current') }} as budgets
        on daily.budget_id = budgets.budget_id and daily.period = budgets.period
    left join seen on budgets.scope = seen.scope and coalesce(budgets.scope_value, '') = seen.scope_value
    group by daily.budget_id, daily.period, {{ first_of_its_month('daily.charge_date') }}
),

parts as (
    select
        months.*,
        status.currency,
        status.adjusted_amount,
        {{ money(share_of_money('status.adjusted_amount', 'months.planned_share')) }} as part
    from {{ ref('int_budgets__months') }} as months
    inner join {{ ref('fct_budget_status') }} as status
        on months.budget_id = status.budget_id and months.period = status.period
),

planned as (
    select
        *,
        {{ money('''case
            when month_end = ends_on then adjusted_amount - coalesce(sum(part) over (
                partition by budget_id, period order by month_start rows between unbounded preceding and 1 preceding
            ), 0)
            else part
        end''') }} as planned_amount
    from parts
),

begun as (
    select
        planned.*,
        known.as_of_date,
        coalesce(seen.counted_until, known.as_of_date) as counted_until,
        seen.scope is not null as has_costs,
        {{ dbt.datediff('planned.month_start', 'planned.month_end', 'day') }} as days,
        least(
            {{ dbt.datediff('planned.month_start', 'planned.month_end', 'day') }},
            {{ dbt.datediff('planned.month_start', 'coalesce(seen.counted_until, known.as_of_date)', 'day') }} + 1
        ) as elapsed_days,
        outlooks.month_share
    from planned
    cross join known
    left join seen on planned.scope = seen.scope and planned.scope_value = seen.scope_value
    left join {{ ref('stg_results__budget_outlooks') }} as outlooks
        on
            planned.budget_id = outlooks.budget_id
            and planned.period = outlooks.period
            and planned.version = outlooks.version
            and coalesce(seen.counted_until, known.as_of_date) = outlooks.as_of_date
    where planned.month_start <= coalesce(seen.counted_until, known.as_of_date) and planned.month_start >= known.first_date
),

compared as (
    select
        begun.*,
        case
            when begun.elapsed_days = begun.days then begun.planned_amount
            when begun.month_share is not null then {{ money('begun.planned_amount * begun.month_share') }}
            else {{ share_of_money(
                'begun.planned_amount',
                share_of('cast(begun.elapsed_days as decimal(18, 12))', 'cast(begun.days as decimal(18, 12))')
            ) }}
        end as planned_to_date,
        case
            when not begun.has_costs or spent.unconverted_days > 0 then null
            else coalesce(spent.cost, cast(0 as decimal(28, 12)))
        end as actual_cost,
        coalesce(spent.late_cost, cast(0 as decimal(28, 12))) as late_cost
    from begun
    left join spent
        on
            begun.budget_id = spent.budget_id
            and begun.period = spent.period
            and begun.month_start = spent.month_start
)

select
    budget_id,
    period,
    {{ month_of('month_start') }} as month,
    version,
    scope,
    scope_value,
    currency,
    starts_on as budget_starts_on,
    ends_on as budget_ends_on,
    month_start,
    as_of_date,
    cast(days as integer) as days,
    cast(elapsed_days as integer) as elapsed_days,
    counted_until,
    seasonal_index,
    cast(planned_share as decimal(19, 18)) as planned_share,
    planned_amount,
    planned_to_date,
    actual_cost,
    late_cost,
    {{ money('actual_cost + late_cost - planned_to_date') }} as variance,
    {{ ratio('(actual_cost + late_cost - planned_to_date)', 'planned_to_date') }} as variance_ratio
from compared
