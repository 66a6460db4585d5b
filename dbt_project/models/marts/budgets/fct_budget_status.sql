-- How each budget stands and how it will end. Grain: budget × period, in the version that applies.
with

outlooks as (
    select outlooks.*
    from {{ ref('stg_results__budget_outlooks') }} as outlooks
    inner join {{ ref('int_budgets__current') }} as budgets
        on
            outlooks.budget_id = budgets.budget_id
            and outlooks.period = budgets.period
            and outlooks.version = budgets.version
),

-- What a forecast was made from is counted up to its day; it tells the rest.
actuals as (
    select
        daily.budget_id,
        daily.period,
        case when max(daily.unconverted_days) = 0 then {{ money('sum(daily.cost)') }} end as actual_cost,
        {{ money('coalesce(sum(daily.late_cost), 0)') }} as late_cost,
        {{ money("coalesce(sum(case when daily.charge_date <= coalesce(outlooks.as_of_date, counted.counted_until)"
            ~ " then daily.late_cost else -daily.cost end), 0)") }} as counted_more,
        count(case when daily.is_unknown then daily.charge_date end) > 0 as has_unknown_days
    from {{ ref('int_budgets__daily') }} as daily
    inner join {{ ref('int_budgets__current') }} as budgets
        on daily.budget_id = budgets.budget_id and daily.period = budgets.period
    left join {{ ref('int_budgets__counted') }} as counted
        on budgets.scope = counted.scope and coalesce(budgets.scope_value, '') = counted.scope_value
    left join outlooks on daily.budget_id = outlooks.budget_id and daily.period = outlooks.period
    group by daily.budget_id, daily.period
),

moved as (
    select
        budget_id,
        period,
        {{ money('sum(amount)') }} as adjusted_by
    from (
        select to_budget_id as budget_id, period, amount from {{ ref('stg_results__budget_adjustments') }}
        where kind = 'reallocation' and status = 'applied'
        union all
        select from_budget_id as budget_id, period, -amount as amount from {{ ref('stg_results__budget_adjustments') }}
        where kind = 'reallocation' and status = 'applied'
    ) as both_sides
    group by budget_id, period
),

known as ({{ known_days() }}),

-- Scopes that any cost is of. What no bill names has spent nothing that could be known.
seen as (
    select * from {{ ref('int_budgets__counted') }}
),

joined as (
    select
        budgets.*,
        seen.scope is not null as has_costs,
        known.as_of_date,
        coalesce(outlooks.as_of_date, seen.counted_until) as counted_until,
        actuals.late_cost,
        actuals.counted_more,
        coalesce(actuals.has_unknown_days, false) as has_unknown_days,
        budgets.amount + coalesce(moved.adjusted_by, 0) as adjusted_amount,
        case
            when actuals.budget_id is not null then actuals.actual_cost
            when budgets.starts_on > known.as_of_date then cast(0 as decimal(28, 12))
            when seen.scope is not null and budgets.starts_on >= known.first_date then cast(0 as decimal(28, 12))
        end as actual_cost,
        budgets.starts_on < known.first_date as is_incomplete,
        budgets.ends_on <= {{ dbt.dateadd('day', 1, 'known.as_of_date') }} as is_over,
        outlooks.expected_share,
        outlooks.forecast_rest,
        outlooks.rest_lo80,
        outlooks.rest_hi80,
        outlooks.overrun_probability,
        outlooks.forecast_status,
        outlooks.forecast_model,
        outlooks.forecast_accuracy,
        {{ dbt.datediff('budgets.starts_on', 'budgets.ends_on', 'day') }} as days,
        greatest(0, least(
            {{ dbt.datediff('budgets.starts_on', 'budgets.ends_on', 'day') }},
            {{ dbt.datediff('budgets.starts_on', 'coalesce(outlooks.as_of_date, seen.counted_until, known.as_of_date)', 'day') }} + 1
        )) as elapsed_days
    from {{ ref('int_budgets__current') }} as budgets
    cross join known
    left join actuals on budgets.budget_id = actuals.budget_id and budgets.period = actuals.period
    left join seen on budgets.scope = seen.scope and coalesce(budgets.scope_value, '') = seen.scope_value
    left join moved on budgets.budget_id = moved.budget_id and budgets.period = moved.period
    left join outlooks on budgets.budget_id = outlooks.budget_id and budgets.period = outlooks.period
),

-- Days that are known in part are completed, and days that are hardly known left to the forecast, also when the period is over.
settled as (
    select
        *,
        is_over and (not has_unknown_days or forecast_rest is null) as is_settled
    from joined
),

counted as (
    select
        *,
        actual_cost + coalesce(case when is_settled then late_cost else counted_more end, 0) as counted_cost
    from settled
),

completed as (
    select
        *,
        case when is_incomplete then null when is_settled then counted_cost else counted_cost + forecast_rest end as expected_cost,
        case
            when is_incomplete then null
            when is_settled and counted_cost > adjusted_amount then cast(1 as decimal(18, 6))
            when is_settled and counted_cost is not null then cast(0 as decimal(18, 6))
            else overrun_probability
        end as overrun
    from counted
)

select
    budget_id,
    period,
    version,
    scope,
    scope_value,
    owner,
    department,
    currency,
    applies_from,
    starts_on,
    ends_on,
    as_of_date,
    least(counted_until, {{ plus_days('ends_on', -1) }}) as counted_until,
    is_over,
    amount,
    {{ money('adjusted_amount') }} as adjusted_amount,
    actual_cost,
    {{ ratio('actual_cost', 'adjusted_amount') }} as actual_ratio,
    {{ money('counted_cost') }} as counted_cost,
    case
        when not has_costs then 'no_costs'
        when starts_on > as_of_date then 'not_begun'
        when has_unknown_days and is_settled then 'incomplete'
        when has_unknown_days and late_cost <> 0 then 'completed_and_forecast'
        when has_unknown_days then 'forecast'
        when late_cost <> 0 then 'completed'
        else 'final'
    end as newest_days,
    -- In whole millionths: decimal divided by integer would be a float.
    cast(
        cast(cast(amount * 1000000 as hugeint) * elapsed_days // days as decimal(28, 0)) * 0.000001 as decimal(28, 12)
    ) as linear_cost,
    case when is_settled then cast(1 as decimal(18, 6)) else expected_share end as expected_share,
    {{ ratio('counted_cost', '(adjusted_amount * case when is_settled then 1 else expected_share end)') }} as pace,
    case when is_settled then cast(0 as decimal(28, 12)) else forecast_rest end as forecast_cost,
    {{ money('expected_cost') }} as expected_cost,
    {{ money('case when is_settled then counted_cost else counted_cost + rest_lo80 end') }} as expected_lo80,
    {{ money('case when is_settled then counted_cost else counted_cost + rest_hi80 end') }} as expected_hi80,
    {{ money('expected_cost - adjusted_amount') }} as variance,
    {{ ratio('(expected_cost - adjusted_amount)', 'adjusted_amount') }} as variance_ratio,
    overrun as overrun_probability,
    case
        when amount = 0 or expected_cost is null or overrun is null then 'unknown'
        when overrun < 0.2 then 'low'
        when overrun < 0.5 then 'medium'
        when overrun < 0.8 then 'high'
        else 'critical'
    end as risk_level,
    case
        when amount = 0 then 'insufficient_data'
        when not has_costs then 'no_costs'
        when is_incomplete then 'incomplete_history'
        when actual_cost is null then 'unconverted'
        when starts_on > as_of_date then 'upcoming'
        when expected_cost is null then 'no_forecast'
        when is_over then 'over'
        else 'running'
    end as status,
    forecast_status,
    forecast_model,
    forecast_accuracy
from completed
