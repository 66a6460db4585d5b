-- What split rules name and do not claim, because one of their cost centres does not exist that day, and no other direct rule
-- does. Grain: rule × version × missing cost centre × billing period × currency.
with

gaps as (
    select * from {{ ref('stg_decisions__rule_gaps') }}
),

matches as (
    select x_allocation_key, rule_id, rule_version from {{ ref('int_allocation__rule_matches') }}
    union
    select x_allocation_key, rule_id, rule_version from {{ ref('int_allocation__parent_matches') }}
),

named as (
    select gaps.*, matches.x_allocation_key
    from gaps
    inner join matches on gaps.rule_id = matches.rule_id and gaps.rule_version = matches.rule_version
)

select
    named.rule_id,
    named.rule_version,
    named.cost_center_id,
    costs.billing_period,
    costs.billing_currency as currency,
    min(costs.charge_date) as first_day,
    max(costs.charge_date) as last_day,
    count(distinct costs.charge_date) as days,
    {{ money('sum(costs.effective_cost)') }} as unclaimed_cost,
    {{ money('sum(costs.billed_cost)') }} as unclaimed_billed_cost
from {{ ref('fct_daily_costs') }} as costs
inner join named
    on
        costs.x_allocation_key = named.x_allocation_key
        and costs.charge_date >= named.missing_from
        and costs.charge_date < named.missing_to
left join {{ ref('int_allocation__claims') }} as claims
    on costs.x_allocation_key = claims.x_allocation_key and costs.charge_date = claims.charge_date
where claims.x_allocation_key is null
group by named.rule_id, named.rule_version, named.cost_center_id, costs.billing_period, costs.billing_currency
