-- Why a month of a budget cost more or less than its plan. Grain: budget × period × month × driver.
-- Drivers add up to fct_budget_months.variance.
with

months as (
    select * from {{ ref('fct_budget_months') }}
    where variance is not null
),

rated as (
    select
        compared.*,
        {{ money('compared.before_cost * rates.rate') }} as before_at_old_rate,
        -- What was not bought in a currency before has no rate of then: it came at today's.
        coalesce(
            {{ money('compared.actual_cost * rates.rate') }},
            case when compared.before_cost = 0 then compared.actual_reporting end
        ) as actual_at_old_rate
    from {{ ref('int_budgets__compared') }} as compared
    left join {{ ref('int_currency__rates') }} as rates
        on
            compared.currency = rates.from_currency
            and {{ month_of(dbt.dateadd('day', -1, 'compared.starts_on')) }} = rates.billing_period
),

-- A month with one cost that cannot be converted has no drivers of its own: they would not add up.
convertible as (
    select budget_id, period, month
    from rated
    group by budget_id, period, month
    having
        sum(unconverted) = 0
        and sum(case when actual_at_old_rate is null or (before_cost <> 0 and before_at_old_rate is null) then 1 else 0 end) = 0
),

split as (
    select
        rated.budget_id,
        rated.period,
        rated.month,
        rated.is_usage,
        rated.before_cost,
        rated.actual_cost,
        coalesce(rated.before_at_old_rate, cast(0 as decimal(28, 12))) as before_at_old_rate,
        rated.actual_at_old_rate,
        rated.before_reporting,
        rated.actual_reporting,
        rated.is_usage and effects.volume_ratio is not null and effects.before_price_ratio is not null
        and rated.before_cost <> 0 and rated.actual_cost <> 0 as is_measured,
        {{ money('rated.actual_at_old_rate * coalesce(effects.new_share, 0)') }} as new_cost,
        {{ money('rated.before_at_old_rate * coalesce(effects.gone_share, 0)') }} as gone_cost,
        effects.before_price_ratio,
        effects.volume_ratio
    from rated
    inner join convertible
        on
            rated.budget_id = convertible.budget_id
            and rated.period = convertible.period
            and rated.month = convertible.month
    left join {{ ref('int_budgets__price_effects') }} as effects
        on
            rated.before_starts_on = effects.before_starts_on
            and rated.starts_on = effects.starts_on
            and rated.month_start = effects.month_start
            and rated.days = effects.days
            and rated.x_source = effects.x_source
            and rated.service_name = effects.service_name
            and rated.currency = effects.currency
),

steps as (
    select
        *,
        {{ money('(before_at_old_rate - gone_cost) * volume_ratio') }} as at_volume,
        {{ money('(actual_at_old_rate - new_cost) * before_price_ratio') }} as at_old_prices
    from split
),

effects as (
    select
        budget_id, period, month, 'price' as driver,
        actual_at_old_rate - new_cost - at_old_prices as amount
    from steps where is_measured
    union all
    select budget_id, period, month, 'volume' as driver, at_volume - (before_at_old_rate - gone_cost) as amount
    from steps where is_measured
    union all
    select budget_id, period, month, 'mix' as driver, at_old_prices - at_volume as amount
    from steps where is_measured
    union all
    select
        budget_id, period, month, 'new' as driver,
        case when is_measured then new_cost else actual_at_old_rate end as amount
    from steps where is_measured or (before_cost = 0 and is_usage)
    union all
    select
        budget_id, period, month, 'gone' as driver,
        case when is_measured then -gone_cost else -before_at_old_rate end as amount
    from steps where is_measured or (actual_cost = 0 and is_usage)
    union all
    select budget_id, period, month, 'other' as driver, actual_at_old_rate - before_at_old_rate as amount
    from steps where not is_measured and not (is_usage and (before_cost = 0 or actual_cost = 0))
    union all
    select
        budget_id, period, month, 'fx' as driver,
        (actual_reporting - actual_at_old_rate) - (before_reporting - before_at_old_rate) as amount
    from steps
    union all
    select steps.budget_id, steps.period, steps.month, 'plan' as driver, sum(steps.before_reporting) - max(months.planned_to_date) as amount
    from steps
    inner join months
        on steps.budget_id = months.budget_id and steps.period = months.period and steps.month = months.month
    group by steps.budget_id, steps.period, steps.month
    union all
    select months.budget_id, months.period, months.month, 'late' as driver, months.late_cost as amount
    from months
    inner join convertible
        on
            months.budget_id = convertible.budget_id
            and months.period = convertible.period
            and months.month = convertible.month
    where months.late_cost <> 0
    union all
    -- Nothing is known of the time before, or a cost of it has no exchange rate.
    select months.budget_id, months.period, months.month, 'unexplained' as driver, months.variance as amount
    from months
    left join convertible
        on
            months.budget_id = convertible.budget_id
            and months.period = convertible.period
            and months.month = convertible.month
    where convertible.budget_id is null
)

select
    effects.budget_id,
    effects.period,
    effects.month,
    effects.driver,
    {{ money('sum(effects.amount)') }} as amount,
    {{ ratio('sum(effects.amount)', 'max(months.planned_to_date)') }} as amount_ratio,
    max(months.currency) as currency
from effects
inner join months
    on effects.budget_id = months.budget_id and effects.period = months.period and effects.month = months.month
group by effects.budget_id, effects.period, effects.month, effects.driver
