-- Costs that nobody pays, by why. Grain: billing period × provider × currency × reason × pool × kind of charge.
-- The shares of a billing period, provider and currency sum to 1 - allocation_rate of fct_allocation_accuracy.
select
    costs.billing_period,
    costs.provider,
    costs.currency,
    costs.unallocated_reason,
    costs.rule_id,
    costs.charge_kind,
    {{ money('sum(costs.allocated_cost)') }} as unallocated_cost,
    {{ money('sum(costs.allocated_billed_cost)') }} as unallocated_billed_cost,
    {{ ratio('sum(costs.allocated_cost)', 'any_value(accuracy.total_cost)') }} as share_of_total
from {{ ref('fct_allocated_costs') }} as costs
inner join {{ ref('fct_allocation_accuracy') }} as accuracy
    on
        costs.billing_period = accuracy.billing_period
        and costs.provider = accuracy.provider
        and costs.currency = accuracy.currency
where costs.method = 'unallocated'
group by
    costs.billing_period, costs.provider, costs.currency, costs.unallocated_reason, costs.rule_id, costs.charge_kind
