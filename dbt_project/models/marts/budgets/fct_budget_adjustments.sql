-- Budget that was moved between teams, budgets that are proposed, alert ceilings that events raise. Grain: adjustment.
select
    adjustment_id,
    kind,
    period,
    from_budget_id,
    to_budget_id,
    amount,
    amount_before,
    amount_after,
    conservative_amount,
    aggressive_amount,
    history_amount,
    growth_ratio,
    seasonal_index,
    constrained_by,
    confidence,
    reason,
    valid_from,
    approval,
    status,
    cast('{{ var("reporting_currency") }}' as varchar) as currency
from {{ ref('stg_results__budget_adjustments') }}
union all
select
    'ceiling|' || event_id || '|' || budget_id || '|' || period as adjustment_id,
    'alert_ceiling' as kind,
    period,
    cast(null as varchar) as from_budget_id,
    budget_id as to_budget_id,
    {{ money('raised_per_day * days') }} as amount,
    {{ money('amount') }} as amount_before,
    {{ money('amount + raised_per_day * days') }} as amount_after,
    cast(null as decimal(28, 12)) as conservative_amount,
    cast(null as decimal(28, 12)) as aggressive_amount,
    cast(null as decimal(28, 12)) as history_amount,
    cast(null as decimal(18, 6)) as growth_ratio,
    cast(null as decimal(18, 6)) as seasonal_index,
    cast(null as varchar) as constrained_by,
    cast(null as decimal(18, 6)) as confidence,
    'business_event ' || event_id || ' (' || kind || ')' as reason,
    first_day as valid_from,
    'none' as approval,
    'alerts_only' as status,
    cast('{{ var("reporting_currency") }}' as varchar) as currency
from {{ ref('int_budgets__raised') }}
where is_current
