-- Why a budget that is over ended where it did. Grain: budget × period × driver. Drivers add up to actual minus budget.
with

rated as (
    select
        compared.*,
        {{ money('compared.before_cost * rates.rate') }} as before_at_old_rate,
        {{ money('compared.actual_cost * rates.rate') }} as actual_at_old_rate
    from {{ ref('int_budgets__compared') }} as compared
    left join {{ ref('int_currency__rates') }} as rates
        on
            compared.currency = rates.from_currency
            and {{ month_of(dbt.dateadd('day', -1, 'compared.starts_on')) }} = rates.billing_period
),

-- A budget with one cost that cannot be converted has no drivers: they would not add up.
convertible as (
    select budget_id, period
    from rated
    group by budget_id, period
    having sum(unconverted) = 0 and count(before_at_old_rate) = count(*)
),

split as (
    select
        rated.*,
        rated.is_usage and effects.volume_ratio is not null and effects.before_price_ratio is not null
        and rated.before_cost <> 0 and rated.actual_cost <> 0 as is_measured,
        {{ money('rated.actual_at_old_rate * coalesce(effects.new_share, 0)') }} as new_cost,
        {{ money('rated.before_at_old_rate * coalesce(effects.gone_share, 0)') }} as gone_cost,
        effects.before_price_ratio,
        effects.volume_ratio
    from rated
    inner join convertible on rated.budget_id = convertible.budget_id and rated.period = convertible.period
    left join {{ ref('int_budgets__price_effects') }} as effects
        on
            rated.starts_on = effects.starts_on
            and rated.ends_on = effects.ends_on
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
        budget_id, period, 'price' as driver,
        actual_at_old_rate - new_cost - at_old_prices as amount
    from steps where is_measured
    union all
    select budget_id, period, 'volume' as driver, at_volume - (before_at_old_rate - gone_cost) as amount
    from steps where is_measured
    union all
    select budget_id, period, 'mix' as driver, at_old_prices - at_volume as amount
    from steps where is_measured
    union all
    select
        budget_id, period, 'new' as driver,
        case when is_measured then new_cost else actual_at_old_rate end as amount
    from steps where is_measured or (before_cost = 0 and is_usage)
    union all
    select
        budget_id, period, 'gone' as driver,
        case when is_measured then -gone_cost else -before_at_old_rate end as amount
    from steps where is_measured or (actual_cost = 0 and is_usage)
    union all
    select budget_id, period, 'other' as driver, actual_at_old_rate - before_at_old_rate as amount
    from steps where not is_measured and not (is_usage and (before_cost = 0 or actual_cost = 0))
    union all
    select
        budget_id, period, 'fx' as driver,
        (actual_reporting - actual_at_old_rate) - (before_reporting - before_at_old_rate) as amount
    from steps
    union all
    select steps.budget_id, steps.period, 'plan' as driver, sum(steps.before_reporting) - max(status.adjusted_amount) as amount
    from steps
    inner join {{ ref('fct_budget_status') }} as status on steps.budget_id = status.budget_id and steps.period = status.period
    group by steps.budget_id, steps.period
)

select
    effects.budget_id,
    effects.period,
    effects.driver,
    {{ money('sum(effects.amount)') }} as amount,
    {{ ratio('sum(effects.amount)', 'max(status.adjusted_amount)') }} as amount_ratio,
    max(status.currency) as currency
from effects
inner join {{ ref('fct_budget_status') }} as status on effects.budget_id = status.budget_id and effects.period = status.period
group by effects.budget_id, effects.period, effects.driver
