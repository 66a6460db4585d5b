-- Plan and actual of each month of each budget that has begun. Grain: budget × period × month.
-- Plans of a budget's months add up to its adjusted amount. The month under way is planned up to the newest day, by the shape
-- that its costs usually have.
with

known as ({{ known_days() }}),

seen as (
    select distinct scope, scope_value from {{ ref('int_budgets__scope_costs') }}
),

spent as (
    select
        budget_id,
        period,
        {{ first_of_its_month('charge_date') }} as month_start,
        count(*) - count(cost) as unconverted_days,
        {{ money('sum(cost)') }} as cost
    from {{ ref('int_budgets__daily') }}
    group by budget_id, period, {{ first_of_its_month('charge_date') }}
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
        {{ dbt.datediff('planned.month_start', 'planned.month_end', 'day') }} as days,
        least(
            {{ dbt.datediff('planned.month_start', 'planned.month_end', 'day') }},
            {{ dbt.datediff('planned.month_start', 'known.as_of_date', 'day') }} + 1
        ) as elapsed_days,
        outlooks.month_share
    from planned
    cross join known
    left join {{ ref('stg_results__budget_outlooks') }} as outlooks
        on
            planned.budget_id = outlooks.budget_id
            and planned.period = outlooks.period
            and planned.version = outlooks.version
            and known.as_of_date = outlooks.as_of_date
    where planned.month_start <= known.as_of_date and planned.month_start >= known.first_date
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
            when seen.scope is null or spent.unconverted_days > 0 then null
            else coalesce(spent.cost, cast(0 as decimal(28, 12)))
        end as actual_cost
    from begun
    left join seen on begun.scope = seen.scope and begun.scope_value = seen.scope_value
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
    seasonal_index,
    cast(planned_share as decimal(19, 18)) as planned_share,
    planned_amount,
    planned_to_date,
    actual_cost,
    {{ money('actual_cost - planned_to_date') }} as variance,
    {{ ratio('(actual_cost - planned_to_date)', 'planned_to_date') }} as variance_ratio
from compared
