-- How much of the spend has an owner, and how sure that is. Grain: billing period × provider × currency.
-- allocation_rate and allocation_accuracy are ratios of sums (domain page 4.7); NULL where nothing was spent.
with

totals as (
    select
        billing_period,
        provider,
        currency,
        {{ money('sum(allocated_cost)') }} as total_cost,
        {{ money("sum(case when method = 'direct' then allocated_cost else 0 end)") }} as direct_cost,
        {{ money("sum(case when method not in ('direct', 'unallocated') then allocated_cost else 0 end)") }} as shared_cost,
        {{ money("sum(case when method = 'unallocated' then allocated_cost else 0 end)") }} as unallocated_cost,
        {{ money('sum(allocated_cost * confidence)') }} as confident_cost
    from {{ ref('fct_allocated_costs') }}
    group by billing_period, provider, currency
)

select
    billing_period,
    provider,
    currency,
    total_cost,
    direct_cost,
    shared_cost,
    unallocated_cost,
    {{ ratio('direct_cost + shared_cost', 'total_cost') }} as allocation_rate,
    {{ ratio('direct_cost', 'total_cost') }} as direct_rate,
    {{ ratio('confident_cost', 'total_cost') }} as allocation_accuracy
from totals
