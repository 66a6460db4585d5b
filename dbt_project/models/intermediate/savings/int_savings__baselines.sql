-- What accepted recommendations cost before, as the bill says it now. Grain: recommendation × weekday (1 is Monday). Landed once by
-- finops recommend and never changed afterwards: fct_realized_savings measures against what was agreed, not against a restated past.
with

accepted as (
    select
        history.*,
        decided.decided_on,
        least(decided.decided_on, coalesce(decided.applied_on, decided.decided_on)) as measured_to
    from {{ ref('stg_results__recommendation_history') }} as history
    inner join {{ ref('stg_decisions__recommendation_decisions') }} as decided
        on starts_with(history.recommendation_id, decided.recommendation_id)
    where decided.decision in ('accept', 'schedule', 'applied')
    -- The first yes, and what the recommendation said on that day or the last one before it (else the first after it).
    qualify row_number() over (
        partition by history.recommendation_id
        order by
            decided.decided_on asc,
            case when history.run_date <= decided.decided_on then 0 else 1 end asc,
            abs({{ days_from('history.run_date', 'decided.decided_on') }}) asc
    ) = 1
),

days as (
    select
        accepted.recommendation_id,
        before.charge_date,
        extract(isodow from before.charge_date) as weekday,
        {{ money('sum(coalesce(costs.effective_cost, 0))') }} as cost
    from accepted
    cross join {{ days_between(plus_days('accepted.measured_to', -28), plus_days('accepted.measured_to', -1)) }} as before
    left join {{ ref('fct_daily_costs') }} as costs
        on
            lower(accepted.resource_id) = lower(costs.resource_id)
            and accepted.currency = costs.billing_currency
            and before.charge_date = costs.charge_date
            and costs.charge_kind = 'cost'
    group by accepted.recommendation_id, before.charge_date
),

medians as (
    select
        recommendation_id,
        weekday,
        {{ median_of('cost') }} as baseline_cost
    from days
    group by recommendation_id, weekday
),

usage as (
    select
        accepted.recommendation_id,
        charges.pricing_unit,
        {{ money('sum(charges.effective_cost)') }} as cost,
        {{ money('sum(charges.pricing_quantity)') }} as quantity
    from accepted
    inner join {{ ref('int_focus__charges') }} as charges
        on lower(accepted.resource_id) = lower(charges.resource_id) and accepted.currency = charges.billing_currency
    where
        charges.charge_category = 'Usage'
        and cast(charges.charge_period_start as date)
        between {{ plus_days('accepted.measured_to', -28) }} and {{ plus_days('accepted.measured_to', -1) }}
    group by accepted.recommendation_id, charges.pricing_unit
    qualify row_number() over (
        partition by accepted.recommendation_id order by sum(charges.effective_cost) desc, charges.pricing_unit asc
    ) = 1
)

select
    accepted.recommendation_id,
    accepted.rule_id,
    accepted.provider,
    accepted.x_source,
    accepted.resource_id,
    accepted.action_type,
    accepted.currency,
    accepted.decided_on,
    cast(medians.weekday as integer) as weekday,
    {{ money('medians.baseline_cost') }} as baseline_cost,
    usage.pricing_unit,
    {{ money('usage.cost') }} as unit_cost_total,
    {{ money('usage.quantity') }} as quantity_total,
    accepted.savings_net_now_month as estimated_month,
    -- A disk that is kept itself for a while costs what its bill goes on saying.
    case when accepted.evidence like '%"kept_meanwhile":"disk"%' then 0 else accepted.ongoing_cost_month end as ongoing_cost_month
from accepted
inner join medians on accepted.recommendation_id = medians.recommendation_id
left join usage on accepted.recommendation_id = usage.recommendation_id
