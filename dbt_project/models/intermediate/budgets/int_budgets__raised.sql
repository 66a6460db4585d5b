-- How planned events raise what a budget's alerts are measured by, while they last. Grain: budget × period × version × event.
-- The budget itself stays as approved. An event reaches budgets of its own scope; one of the total, a business unit or a
-- department also those within. Per cent are of the budget, an amount a month is spread over the year's days.
with

centers as (
    select
        cost_center_id,
        business_unit
    from {{ ref('dim_cost_centers') }}
    qualify row_number() over (partition by cost_center_id order by valid_from desc) = 1
),

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
        coalesce(events.change_percent, 0) as change_percent,
        case when events.currency = budgets.currency then coalesce(events.monthly_amount, 0) else 0 end as monthly_amount
    from {{ ref('int_budgets__versions') }} as budgets
    left join centers on budgets.scope_value = centers.cost_center_id
    inner join {{ ref('stg_decisions__planned_events') }} as events
        on
            events.starts_on < budgets.ends_on
            and events.ends_on > budgets.starts_on
            and (
                events.scope = 'total'
                or (events.scope = budgets.scope and events.scope_value = budgets.scope_value)
                or (events.scope = 'department' and events.scope_value = budgets.department)
                or (
                    events.scope = 'business_unit'
                    and budgets.scope = 'cost_center'
                    and events.scope_value = centers.business_unit
                )
            )
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
