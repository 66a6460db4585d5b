-- What the commitments of a pool were worth in a month. Grain: pool × month. Ratios are of sums.
-- coverage_console mixes discounted and full prices as the providers' consoles do, to compare with them; decide by coverage.
with

months as (
    select
        {{ month_of('charge_date') }} as charge_month,
        pool_id, provider, billing_account_id, program, currency,
        count(*) as hours,
        min(is_hourly) as is_hourly,
        max(is_valued_at_list) as is_valued_at_list,
        {{ money('sum(on_demand_cost)') }} as on_demand_cost,
        {{ money('sum(covered_cost)') }} as covered_cost,
        {{ money('sum(used_cost)') }} as used_cost,
        {{ money('sum(unused_cost)') }} as unused_cost
    from {{ ref('int_commitments__hours') }}
    group by {{ month_of('charge_date') }}, pool_id, provider, billing_account_id, program, currency
)

select
    charge_month,
    pool_id,
    provider,
    billing_account_id,
    program,
    currency,
    hours,
    case when is_hourly = 1 then 'hour' else 'day' end as granularity,
    case when is_valued_at_list = 1 then 'list' else 'contracted' end as covered_cost_basis,
    {{ money('on_demand_cost + covered_cost') }} as eligible_cost,
    on_demand_cost,
    covered_cost,
    {{ money('used_cost + unused_cost') }} as commitment_cost,
    used_cost,
    unused_cost,
    {{ money('covered_cost - used_cost - unused_cost') }} as savings,
    {{ ratio('used_cost', 'used_cost + unused_cost') }} as utilisation,
    {{ ratio('covered_cost', 'on_demand_cost + covered_cost') }} as coverage,
    {{ ratio('used_cost', 'on_demand_cost + used_cost') }} as coverage_console,
    {{ ratio('covered_cost - used_cost - unused_cost', 'on_demand_cost + covered_cost') }} as effective_savings_rate,
    {{ ratio('unused_cost', 'used_cost + unused_cost') }} as waste_rate
from months
