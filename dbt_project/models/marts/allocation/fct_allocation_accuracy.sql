-- How much of the spend has an owner, and how sure that is. Grain: billing period × provider × currency.
-- allocation_rate and allocation_accuracy are ratios of sums (domain page 4.7); NULL where nothing was spent.
-- The target is the policy accuracy_target; the stages of allocation_rate are those of the FinOps maturity model.
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
),

rates as (
    select
        *,
        {{ ratio('direct_cost + shared_cost', 'total_cost') }} as allocation_rate,
        {{ ratio('direct_cost', 'total_cost') }} as direct_rate,
        {{ ratio('confident_cost', 'total_cost') }} as allocation_accuracy
    from totals
)

select
    rates.billing_period,
    rates.provider,
    rates.currency,
    rates.total_cost,
    rates.direct_cost,
    rates.shared_cost,
    rates.unallocated_cost,
    rates.allocation_rate,
    rates.direct_rate,
    rates.allocation_accuracy,
    policies.accuracy_target,
    rates.allocation_accuracy >= policies.accuracy_target as meets_target,
    case
        when rates.allocation_rate >= 0.9 then 'run'
        when rates.allocation_rate >= 0.8 then 'walk'
        when rates.allocation_rate >= 0.5 then 'crawl'
        when rates.allocation_rate is not null then 'below crawl'
    end as maturity_stage
from rates
cross join {{ ref('int_allocation__policies') }} as policies
