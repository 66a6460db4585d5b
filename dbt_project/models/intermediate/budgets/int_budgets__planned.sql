-- What planned events change in each budgeted scope, from the share of its newest usage that lies in an event's scope too.
-- Grain: scope × value × event. Amounts a month are in reporting currency; without a rate they are unknown and left out.
-- Credits that end are those of both scopes in the month before the event, or in the newest one where it is to come: those of the
-- first, on which some providers book a whole month's, and those of its other days.
with

known as (
    select max(charge_date) as newest_day from {{ ref('int_budgets__costs') }}
),

recent as (
    select
        costs.business_unit,
        costs.department,
        costs.cost_center_id,
        costs.provider,
        costs.sub_account_id,
        costs.service_name,
        {{ money('sum(costs.reporting_cost)') }} as cost
    from {{ ref('int_budgets__costs') }} as costs
    cross join known
    where costs.is_usage and costs.charge_date > {{ plus_days('known.newest_day', -28) }}
    group by all
),

budget_kinds as (
    select distinct scope from {{ ref('int_budgets__current') }}
),

event_kinds as (
    select distinct scope from {{ ref('stg_decisions__planned_events') }}
),

both_sides as (
    select
        budget_kinds.scope,
        {{ in_scope('budget_kinds.scope', 'recent') }} as scope_value,
        event_kinds.scope as event_scope,
        {{ in_scope('event_kinds.scope', 'recent') }} as event_value,
        {{ money('sum(recent.cost)') }} as cost
    from recent
    cross join budget_kinds
    cross join event_kinds
    group by all
),

shares as (
    select
        *,
        {{ money('sum(cost) over (partition by scope, scope_value, event_scope)') }} as scope_cost,
        {{ money('sum(cost) over (partition by event_scope, event_value, scope)') }} as event_cost
    from both_sides
),

changed as (
    select
        shares.scope,
        shares.scope_value,
        events.event_id,
        cast(events.change_percent * {{ share_of('shares.cost', 'shares.scope_cost') }} as decimal(28, 12)) as change_percent,
        {{ money(share_of_money(money('events.monthly_amount * rates.rate'), share_of('shares.cost', 'shares.event_cost'))) }}
            as monthly_amount
    from shares
    inner join {{ ref('stg_decisions__planned_events') }} as events
        on shares.event_scope = events.scope and shares.event_value = coalesce(events.scope_value, '')
    left join {{ ref('int_currency__newest_rates') }} as rates on events.currency = rates.from_currency
    -- Where credits outweigh costs no share can be told.
    where
        coalesce(events.change_percent, events.monthly_amount * rates.rate) is not null
        and shares.cost > 0
        and shares.scope_cost >= shares.cost
        and shares.event_cost >= shares.cost
),

endings as (
    select
        events.event_id,
        events.scope,
        coalesce(events.scope_value, '') as scope_value,
        events.currency,
        least(events.starts_on, {{ plus_days('known.newest_day', 1) }}) as until_day
    from {{ ref('stg_decisions__planned_events') }} as events
    cross join known
    where events.kind = 'credits_end'
),

ending_kinds as (
    select distinct scope from endings
),

credits as (
    select
        budget_kinds.scope,
        {{ in_scope('budget_kinds.scope', 'costs') }} as scope_value,
        ending_kinds.scope as event_scope,
        {{ in_scope('ending_kinds.scope', 'costs') }} as event_value,
        costs.charge_date,
        costs.currency,
        {{ money('-sum(costs.reporting_cost)') }} as credit
    from {{ ref('int_budgets__costs') }} as costs
    cross join budget_kinds
    cross join ending_kinds
    where costs.is_credit
    group by all
),

ended as (
    select
        credits.scope,
        credits.scope_value,
        endings.event_id,
        {{ money('sum(case when extract(day from credits.charge_date) = 1 then credits.credit else 0 end)') }} as first_credits,
        {{ money('sum(case when extract(day from credits.charge_date) > 1 then credits.credit else 0 end)') }} as other_credits
    from credits
    inner join endings
        on
            credits.event_scope = endings.scope
            and credits.event_value = endings.scope_value
            and credits.charge_date >= {{ dbt.dateadd('month', -1, 'endings.until_day') }}
            and credits.charge_date < endings.until_day
            and credits.currency = coalesce(endings.currency, credits.currency)
    group by credits.scope, credits.scope_value, endings.event_id
    having sum(credits.credit) > 0
),

planned as (
    select
        coalesce(changed.scope, ended.scope) as scope,
        coalesce(changed.scope_value, ended.scope_value) as scope_value,
        coalesce(changed.event_id, ended.event_id) as event_id,
        changed.change_percent,
        changed.monthly_amount,
        ended.first_credits,
        ended.other_credits
    from changed
    full outer join ended
        on
            changed.scope = ended.scope
            and changed.scope_value = ended.scope_value
            and changed.event_id = ended.event_id
)

select
    planned.scope,
    planned.scope_value,
    planned.event_id,
    events.starts_on,
    events.ends_on,
    planned.change_percent,
    planned.monthly_amount,
    planned.first_credits,
    planned.other_credits
from planned
inner join {{ ref('stg_decisions__planned_events') }} as events on planned.event_id = events.event_id
