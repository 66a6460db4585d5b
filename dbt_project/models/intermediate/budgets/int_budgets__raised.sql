-- How planned events raise what a budget's alerts are measured by, while they last. Grain: budget × period × version × event.
-- The budget itself stays as approved. An event counts as in the budget's forecast (int_budgets__planned): by the share of the
-- budget's newest costs that lies in its scope, with the credits that end there; one of the budget's own scope also where nothing
-- costs there yet. Per cent are of the budget, an amount a month is spread over the year's days.
with

events as (
    select
        budgets.budget_id,
        budgets.period,
        budgets.version,
        budgets.is_current,
        budgets.amount,
        events.event_id,
        events.kind,
        events.note,
        greatest(events.starts_on, budgets.starts_on) as first_day,
        least(events.ends_on, budgets.ends_on) as last_day,
        {{ dbt.datediff('budgets.starts_on', 'budgets.ends_on', 'day') }} as budget_days,
        cast(coalesce(planned.change_percent, case when events.scope = budgets.scope and coalesce(events.scope_value, '') = coalesce(budgets.scope_value, '') then events.change_percent end, 0) as decimal(18, 6))
            as change_percent,
        coalesce(
            planned.monthly_amount,
            case when events.scope = budgets.scope and coalesce(events.scope_value, '') = coalesce(budgets.scope_value, '') and events.currency = budgets.currency then events.monthly_amount end,
            0
        ) + coalesce(planned.first_credits + planned.other_credits, 0) as monthly_amount
    from {{ ref('int_budgets__versions') }} as budgets
    inner join {{ ref('stg_decisions__planned_events') }} as events
        on events.starts_on < budgets.ends_on and events.ends_on > budgets.starts_on
    left join {{ ref('int_budgets__planned') }} as planned
        on
            budgets.scope = planned.scope
            and coalesce(budgets.scope_value, '') = planned.scope_value
            and events.event_id = planned.event_id
)

select
    budget_id,
    period,
    version,
    is_current,
    amount,
    event_id,
    kind,
    note,
    first_day,
    last_day,
    -- In whole millionths: decimal divided by integer would be a float.
    cast(
        cast(cast(amount * change_percent * 10000 as hugeint) // budget_days as decimal(28, 0)) * 0.000001
        + cast(cast(monthly_amount * 12000000 as hugeint) // 365 as decimal(28, 0)) * 0.000001 as decimal(28, 12)
    ) as raised_per_day,
    {{ dbt.datediff('first_day', 'last_day', 'day') }} as days
from events
where change_percent > 0 or monthly_amount > 0
