-- The money of commitments and of what they could cover; the one pass over the ledger that everything about commitments is made from.
-- Grain: source × billing account × program × commitment × status × period of time × currency.
select
    x_source,
    x_provider as provider,
    billing_account_id,
    program,
    case when is_committed then commitment_discount_id end as commitment_id,
    case when is_committed then lower(commitment_discount_status) else 'on_demand' end as status,
    billing_currency as currency,
    charge_period_start as period_start,
    charge_period_end as period_end,
    -- Without its own price, what a commitment covers is worth its list price: an upper bound, and said so.
    max(case when coalesce(x_gaps, '') like '%ContractedCost%' then 1 else 0 end) as is_valued_at_list,
    {{ money('sum(effective_cost)') }} as effective_cost,
    {{ money('sum(contracted_cost)') }} as contracted_cost,
    {{ money('sum(list_cost)') }} as list_cost
from {{ ref('int_commitments__eligible') }}
group by
    x_source, x_provider, billing_account_id, program, is_committed, commitment_discount_id, commitment_discount_status,
    billing_currency, charge_period_start, charge_period_end
