-- How each budget stands and how it will end. Grain: budget × period, in its newest version.
with

actuals as (
    select
        budget_id,
        period,
        max(charge_date) as last_cost_date,
        case when max(unconverted_days) = 0 then {{ money('sum(cost)') }} end as actual_cost
    from {{ ref('int_budgets__daily') }}
    group by budget_id, period
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
    select distinct scope, scope_value from {{ ref('int_budgets__scope_costs') }}
),

joined as (
    select
        budgets.*,
        seen.scope is not null as has_costs,
        coalesce(outlooks.as_of_date, known.as_of_date) as as_of_date,
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
            {{ dbt.datediff('budgets.starts_on', 'coalesce(outlooks.as_of_date, known.as_of_date)', 'day') }} + 1
        )) as elapsed_days
    from {{ ref('int_budgets__current') }} as budgets
    cross join known
    left join actuals on budgets.budget_id = actuals.budget_id and budgets.period = actuals.period
    left join seen on budgets.scope = seen.scope and coalesce(budgets.scope_value, '') = seen.scope_value
    left join moved on budgets.budget_id = moved.budget_id and budgets.period = moved.period
    left join {{ ref('stg_results__budget_outlooks') }} as outlooks
        on
            budgets.budget_id = outlooks.budget_id
            and budgets.period = outlooks.period
            and budgets.version = outlooks.version
),

completed as (
    select
        *,
        case when is_incomplete then null when is_over then actual_cost else actual_cost + forecast_rest end as expected_cost,
        case
            when is_incomplete then null
            when is_over and actual_cost > adjusted_amount then cast(1 as decimal(18, 6))
            when is_over and actual_cost is not null then cast(0 as decimal(18, 6))
            else overrun_probability
        end as overrun
    from joined
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
    starts_on,
    ends_on,
    as_of_date,
    is_over,
    amount,
    {{ money('adjusted_amount') }} as adjusted_amount,
    actual_cost,
    {{ ratio('actual_cost', 'adjusted_amount') }} as actual_ratio,
    -- In whole millionths: decimal divided by integer would be a float.
    cast(
        cast(cast(amount * 1000000 as hugeint) * elapsed_days // days as decimal(28, 0)) * 0.000001 as decimal(28, 12)
    ) as linear_cost,
    case when is_over then cast(1 as decimal(18, 6)) else expected_share end as expected_share,
    {{ ratio('actual_cost', '(adjusted_amount * case when is_over then 1 else expected_share end)') }} as pace,
    case when is_over then cast(0 as decimal(28, 12)) else forecast_rest end as forecast_cost,
    {{ money('expected_cost') }} as expected_cost,
    {{ money('case when is_over then actual_cost else actual_cost + rest_lo80 end') }} as expected_lo80,
    {{ money('case when is_over then actual_cost else actual_cost + rest_hi80 end') }} as expected_hi80,
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
