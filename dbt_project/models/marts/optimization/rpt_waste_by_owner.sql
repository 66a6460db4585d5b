-- How much of each owner's spend is waste, month by month. Grain: billing period × cost centre × currency.
-- Unused commitments are known for every month; unused resources for the newest only, because signals tell of now.
with

spent as (
    select
        billing_period,
        cost_center_id,
        currency,
        sum(allocated_cost) as effective_cost,
        sum(case when charge_kind = 'commitment_waste' then allocated_cost else 0 end) as commitment_waste
    from {{ ref('fct_allocated_costs') }}
    where charge_kind in ('cost', 'commitment_waste', 'support')
    group by billing_period, cost_center_id, currency
),

wasted as (
    select
        coalesce(cost_center_id, '~unallocated') as cost_center_id,
        currency,
        sum(waste_month) as resource_waste
    from {{ ref('fct_waste') }}
    where is_counted and waste_month is not null
    group by coalesce(cost_center_id, '~unallocated'), currency
),

newest as (
    select max(billing_period) as billing_period from spent
),

-- Who wastes without a cost in the month is here, too: nothing of fct_waste is lost.
keys as (
    select billing_period, cost_center_id, currency, effective_cost, commitment_waste from spent
    union all
    select newest.billing_period, wasted.cost_center_id, wasted.currency, 0 as effective_cost, 0 as commitment_waste
    from wasted
    cross join newest
    where wasted.currency is not null and newest.billing_period is not null
),

owners as (
    select
        billing_period,
        cost_center_id,
        currency,
        sum(effective_cost) as effective_cost,
        sum(commitment_waste) as commitment_waste
    from keys
    group by billing_period, cost_center_id, currency
),

joined as (
    select
        spent.billing_period,
        spent.cost_center_id,
        spent.currency,
        spent.effective_cost,
        spent.commitment_waste,
        case when newest.billing_period is not null then coalesce(wasted.resource_waste, 0) end as resource_waste
    from owners as spent
    left join newest on spent.billing_period = newest.billing_period
    left join wasted
        on
            case when newest.billing_period is not null then spent.cost_center_id end = wasted.cost_center_id
            and spent.currency = wasted.currency
)

select
    billing_period,
    cost_center_id,
    currency,
    {{ money('effective_cost') }} as effective_cost,
    {{ money('commitment_waste') }} as commitment_waste,
    {{ money('resource_waste') }} as resource_waste,
    {{ ratio('commitment_waste + coalesce(resource_waste, 0)', 'effective_cost') }} as waste_rate
from joined
