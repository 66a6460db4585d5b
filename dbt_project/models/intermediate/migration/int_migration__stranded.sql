-- What commitments keep costing after a workload has gone (domain page 1.2 b, by day): what they cost for it, less the on-demand usage of
-- others in their pool that takes its place. Grain: workload × source × region × currency. By day it is a lower bound.
with

covered as (
    select
        workloads.workload,
        lines.x_source,
        lines.region_id,
        lines.billing_currency as currency,
        coalesce(pools.pool_id, concat_ws('/', lines.x_provider, lines.billing_account_id, lines.program, lines.billing_currency))
            as pool_id,
        cast(lines.charge_period_start as date) as charge_date,
        sum(case when lines.commitment_discount_status = 'Used' then lines.effective_cost else 0 end) as covered_effective,
        sum(case when lines.commitment_discount_status = 'Used' then lines.contracted_cost else 0 end) as covered_contracted,
        sum(case when lines.commitment_discount_status is null then lines.contracted_cost else 0 end) as own_on_demand
    from {{ ref('int_savings__lines') }} as lines
    inner join {{ ref('int_migration__workloads') }} as workloads on lines.tags = workloads.tags
    left join {{ ref('int_commitments__pools') }} as pools
        on
            lines.x_source = pools.x_source
            and lines.commitment_discount_id = pools.commitment_id
            and lines.billing_currency = pools.currency
    group by all
),

on_demand as (
    select pool_id, charge_date, sum(on_demand_cost) as on_demand_cost
    from {{ ref('int_commitments__hours') }}
    group by pool_id, charge_date
),

days as (
    select
        covered.*,
        {{ money('greatest(coalesce(on_demand.on_demand_cost, 0) - covered.own_on_demand, 0)') }} as of_others
    from covered
    left join on_demand on covered.pool_id = on_demand.pool_id and covered.charge_date = on_demand.charge_date
)

select
    days.workload,
    days.x_source,
    days.region_id,
    days.currency,
    {{ per_month('greatest(sum(days.covered_effective - least(days.covered_contracted, days.of_others)), 0)', 'max(looked_at.days)') }}
        as stranded_month
from days
cross join {{ ref('int_savings__window') }} as looked_at
group by days.workload, days.x_source, days.region_id, days.currency
