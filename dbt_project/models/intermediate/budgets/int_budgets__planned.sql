-- What planned events change in each budgeted scope, from the share of its newest usage that lies in an event's scope too.
-- Grain: scope × value × event. Amounts a month are in reporting currency; without a rate they are unknown and left out.
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

rates as (
    select
        from_currency,
        max_by(rate, billing_period) as rate
    from {{ ref('int_currency__rates') }}
    group by from_currency
)

select
    shares.scope,
    shares.scope_value,
    events.event_id,
    events.starts_on,
    events.ends_on,
    cast(events.change_percent * {{ share_of('shares.cost', 'shares.scope_cost') }} as decimal(28, 12)) as change_percent,
    {{ money(share_of_money(money('events.monthly_amount * rates.rate'), share_of('shares.cost', 'shares.event_cost'))) }}
        as monthly_amount
from shares
inner join {{ ref('stg_decisions__planned_events') }} as events
    on shares.event_scope = events.scope and shares.event_value = coalesce(events.scope_value, '')
left join rates on events.currency = rates.from_currency
-- Where credits outweigh costs no share can be told.
where
    coalesce(events.change_percent, events.monthly_amount * rates.rate) is not null
    and shares.cost > 0
    and shares.scope_cost >= shares.cost
    and shares.event_cost >= shares.cost
