-- How a pool's money is split in a month. Grain: pool × billing period × target cost centre.
-- A pool's first method with a positive total weight counts; the others are its declared fallbacks, in order.
with

periods as (
    select * from {{ ref('int_allocation__periods') }}
),

pools as (
    select * from {{ ref('stg_decisions__shared_cost_rules') }}
),

steps as (
    select * from {{ ref('stg_decisions__pool_steps') }}
),

targets as (
    select * from {{ ref('stg_decisions__pool_targets') }}
),

cost_centers as (
    select * from {{ ref('stg_decisions__cost_centers') }}
),

active_days as (
    -- Days on which a cost centre existed within the month; headcount and revenue count by the day.
    select
        periods.billing_period,
        cost_centers.cost_center_id,
        cost_centers.headcount,
        greatest(cost_centers.revenue, 0) as revenue,
        {{ dbt.datediff(
            'greatest(cost_centers.valid_from, periods.first_day)',
            'least(cost_centers.valid_to, periods.next_first_day)',
            'day'
        ) }} as days
    from periods
    inner join cost_centers
        on cost_centers.valid_from < periods.next_first_day and cost_centers.valid_to > periods.first_day
),

active as (
    select
        billing_period,
        cost_center_id,
        sum(headcount * days) as person_days,
        sum(revenue * days) as revenue_days
    from active_days
    group by billing_period, cost_center_id
),

direct_costs as (
    select
        direct.billing_period,
        direct.cost_center_id,
        -- Costs of one currency need no rate to be compared; int_currency__missing_rates names those that do.
        sum(direct.effective_cost * case when currencies.currency_count = 1 then 1 else rates.rate end) as direct_cost
    from {{ ref('int_allocation__direct') }} as direct
    inner join (
        select billing_period, count(distinct currency) as currency_count
        from {{ ref('int_allocation__direct') }}
        group by billing_period
    ) as currencies on direct.billing_period = currencies.billing_period
    left join {{ ref('int_currency__rates') }} as rates
        on direct.billing_period = rates.billing_period and direct.currency = rates.from_currency
    group by direct.billing_period, direct.cost_center_id
),

drivers as (
    select
        {{ month_of('drivers.date') }} as billing_period,
        drivers.driver,
        drivers.cost_center_id,
        sum(greatest(drivers.quantity, 0)) as quantity
    from {{ ref('stg_decisions__drivers') }} as drivers
    group by all
),

weights as (
    select
        steps.pool_id,
        steps.step_number,
        steps.method,
        steps.driver,
        active.billing_period,
        active.cost_center_id,
        cast(case
            when steps.method = 'equal_split' then 1
            when steps.method = 'headcount_based' then active.person_days
            when steps.method = 'revenue_based' then active.revenue_days
            when steps.method = 'proportional_usage' and steps.driver = 'direct_cost'
                then greatest(direct_costs.direct_cost, 0)
            when steps.method = 'proportional_usage' then drivers.quantity
        end as decimal(28, 4)) as weight
    from steps
    inner join active on true
    left join direct_costs
        on active.billing_period = direct_costs.billing_period and active.cost_center_id = direct_costs.cost_center_id
    left join drivers
        on
            steps.driver = drivers.driver
            and active.billing_period = drivers.billing_period
            and active.cost_center_id = drivers.cost_center_id
    where
        steps.pool_id not in (select t.pool_id from targets as t)
        or exists (
            select 1 from targets as t
            where t.pool_id = steps.pool_id and t.cost_center_id = active.cost_center_id
        )
),

totals as (
    select
        pool_id,
        billing_period,
        step_number,
        sum(weight) as total_weight
    from weights
    where weight > 0
    group by pool_id, billing_period, step_number
    qualify row_number() over (partition by pool_id, billing_period order by step_number) = 1
),

pool_versions as (
    select pool_id, min(rule_version) as rule_version from pools group by pool_id
)

select
    weights.pool_id,
    pool_versions.rule_version,
    weights.billing_period,
    weights.cost_center_id,
    weights.method,
    weights.driver,
    weights.step_number > 1 as is_fallback,
    weights.weight as driver_value,
    {{ share_of('weights.weight', 'totals.total_weight') }} as share,
    row_number() over (
        partition by weights.pool_id, weights.billing_period order by weights.weight desc, weights.cost_center_id
    ) as weight_rank
from weights
inner join totals
    on
        weights.pool_id = totals.pool_id
        and weights.billing_period = totals.billing_period
        and weights.step_number = totals.step_number
inner join pool_versions on weights.pool_id = pool_versions.pool_id
where weights.weight > 0
