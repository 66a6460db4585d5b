-- How commitments do beside what others reach. Grain: provider × currency × month × KPI × segment × year of the benchmark. Ratios are of sums
-- over the provider's pools.
with

totals as (
    select
        charge_month,
        provider,
        currency,
        {{ money('sum(eligible_cost)') }} as eligible_cost,
        {{ money('sum(covered_cost)') }} as covered_cost,
        {{ money('sum(commitment_cost)') }} as commitment_cost,
        {{ money('sum(used_cost)') }} as used_cost,
        {{ money('sum(savings)') }} as savings
    from {{ ref('fct_commitment_pools') }}
    where program = 'compute'
    group by charge_month, provider, currency
),

measured as (
    select charge_month, provider, currency, 'utilisation' as kpi, {{ ratio('used_cost', 'commitment_cost') }} as value from totals
    union all
    select charge_month, provider, currency, 'coverage' as kpi, {{ ratio('covered_cost', 'eligible_cost') }} as value from totals
    union all
    select charge_month, provider, currency, 'effective_savings_rate' as kpi, {{ ratio('savings', 'eligible_cost') }} as value from totals
)

select
    measured.charge_month,
    measured.provider,
    measured.currency,
    measured.kpi,
    measured.value,
    benchmarks.segment,
    benchmarks.year,
    benchmarks.value as benchmark,
    cast(measured.value - benchmarks.value as decimal(18, 6)) as difference,
    benchmarks.source,
    benchmarks.quality
from measured
inner join {{ ref('benchmarks') }} as benchmarks on measured.kpi = benchmarks.kpi
