-- The money of commitments and of what they could cover.
-- Grain: source × billing account × program × commitment × status × service × period of time × currency.
select
    x_source,
    x_provider as provider,
    billing_account_id,
    program,
    case when is_committed then commitment_discount_id end as commitment_id,
    case when is_committed then lower(commitment_discount_status) else 'on_demand' end as status,
    service_name,
    billing_currency as currency,
    charge_period_start as period_start,
    charge_period_end as period_end,
    max(is_valued_at_list) as is_valued_at_list,
    {{ money('sum(effective_cost)') }} as effective_cost,
    {{ money('sum(contracted_cost)') }} as contracted_cost,
    {{ money('sum(list_cost)') }} as list_cost
from {{ ref('int_commitments__eligible') }}
group by
    x_source, x_provider, billing_account_id, program, is_committed, commitment_discount_id, commitment_discount_status,
    service_name, billing_currency, charge_period_start, charge_period_end
