-- The company's allocation policies with their defaults. Grain: one row.
select
    coalesce(max(case policy when 'shared_on_shared' then value end), 'reciprocal') as shared_on_shared,
    coalesce(max(case policy when 'commitment_benefit' then value end), 'as_applied') as commitment_benefit,
    max(case policy when 'commitment_benefit' then cost_center_id end) as commitment_benefit_cost_center_id,
    coalesce(max(case policy when 'backfill_same_resource' then value end), 'no') = 'yes' as backfills_same_resource,
    -- "Run" of the FinOps maturity model: 90 % of spend allocated.
    coalesce(max(case policy when 'fx_rate_order' then value end), 'monthly_average>closing>invoice') as fx_rate_order,
    cast(coalesce(max(case policy when 'accuracy_target' then value end), '0.90') as decimal(7, 6)) as accuracy_target
from {{ ref('stg_decisions__allocation_policies') }}
