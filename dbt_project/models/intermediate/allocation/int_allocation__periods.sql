-- What each month's allocation depends on: its deliveries and rates, and all decisions. Grain: billing period.
with

decisions as (
    select string_agg(decision_hash, ',' order by decision) as decisions
    from {{ ref('stg_finops__decision_files') }}
    where decides_allocation
),

costs as (
    select
        billing_period,
        string_agg(cost_version, ',' order by cost_version) as costs
    from {{ ref('int_costs__versions') }}
    group by billing_period
)

select
    costs.billing_period,
    {{ hash_of(['costs.billing_period', 'costs.costs', 'decisions.decisions']) }} as inputs_version,
    cast(costs.billing_period || '-01' as date) as first_day,
    cast({{ dbt.dateadd('month', 1, "cast(costs.billing_period || '-01' as date)") }} as date) as next_first_day
from costs
cross join decisions
