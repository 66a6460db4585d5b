-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- How a pool's money is split in a month, before pools serve each other.
-- Grain: pool × billing period × scope × day (pools split by the day) × part × target.
-- A part's first method with a positive total weight counts; the others are its declared fallbacks, in order.
-- What no method claims (zero drivers, percentages below 100) goes to '~unallocated', so that shares sum to 1.
with

periods as (
    select * from {{ ref('int_allocation__periods') }} where {{ in_stale_period('billing_period') }}
),

pools as (
    select * from {{ ref('stg_decisions__pools') }}
),

steps as (
    select * from {{ ref('stg_decisions__pool_steps') }}
),

targets as (
    select * from {{ ref('stg_decisions__pool_targets') }}
),

shares as (
    select * from {{ ref('stg_decisions__shared_cost_shares') }}
),

cost_centers as (
    select * from {{ ref('stg_decisions__cost_centers') }}
),

drivers as (
    select * from {{ ref('int_allocation__driver_quantities') }}
),

-- One group is what is split at once: a pool's month, or its days, or its sources.
groups as (
    select distinct
        pools.pool_id,
        classified.billing_period,
        {{ pool_scope('pools', 'classified') }} as scope,
        case when pools.is_daily then classified.charge_date end as charge_date
    from {{ ref('int_allocation__classified') }} as classified
    inner join pools on classified.pool_id = pools.pool_id
    where classified.rule_id is null and {{ in_stale_period('classified.billing_period') }}
    union
    -- A pool without own cost may still receive from others.
    select pools.pool_id, periods.billing_period, '' as scope, cast(null as date) as charge_date
    from pools
    cross join periods
    where pools.scope = 'none' and not pools.is_daily
),

-- Days on which a cost centre existed within the month; headcount and revenue count by the day.
active_days as (
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

limited as (
    select distinct pool_id from targets
),

group_steps as (
    select
        groups.*,
        steps.part_number,
        steps.part_share,
        steps.step_number,
        steps.method,
        steps.weighing,
        steps.driver,
        steps.is_daily,
        {{ month_of(dbt.dateadd('month', '-steps.months_back', 'periods.first_day')) }} as driver_period,
        periods.first_day,
        periods.next_first_day
    from groups
    inner join steps on groups.pool_id = steps.pool_id
    inner join periods on groups.billing_period = periods.billing_period
),

candidates as (
    select group_steps.*, active.cost_center_id as target, false as is_pool, active.person_days, active.revenue_days
    from group_steps
    inner join active on group_steps.billing_period = active.billing_period
    left join limited on group_steps.pool_id = limited.pool_id
    left join targets on group_steps.pool_id = targets.pool_id and active.cost_center_id = targets.target
    where limited.pool_id is null or targets.target is not null
    union all
    select group_steps.*, served.pool_id as target, true as is_pool, 0 as person_days, 0 as revenue_days
    from group_steps
    inner join pools as served on group_steps.pool_id <> served.pool_id and served.scope = 'none' and not served.is_daily
    left join limited on group_steps.pool_id = limited.pool_id
    left join targets on group_steps.pool_id = targets.pool_id and served.pool_id = targets.target
    where
        (limited.pool_id is null and group_steps.weighing in ('driver', 'fixed')) or targets.target is not null
),

fixed as (
    select
        group_steps.pool_id,
        group_steps.billing_period,
        shares.target,
        sum(
            shares.share_percent * {{ dbt.datediff(
                'greatest(shares.valid_from, group_steps.first_day)',
                'least(shares.valid_to, group_steps.next_first_day)',
                'day'
            ) }}
        ) as percent_days
    from (
        select distinct pool_id, billing_period, first_day, next_first_day from group_steps where weighing = 'fixed'
    ) as group_steps
    inner join shares
        on
            group_steps.pool_id = shares.pool_id
            and shares.valid_from < group_steps.next_first_day
            and shares.valid_to > group_steps.first_day
    group by all
),

weights as (
    select
        candidates.pool_id,
        candidates.billing_period,
        candidates.scope,
        candidates.charge_date,
        candidates.part_number,
        candidates.step_number,
        candidates.method,
        candidates.driver,
        candidates.target,
        candidates.is_pool,
        cast(case candidates.weighing
            when 'even' then 1
            when 'person_days' then candidates.person_days
            when 'revenue_days' then candidates.revenue_days
            when 'fixed' then fixed.percent_days
            when 'ledger' then ledger.quantity
            else drivers.quantity
        end as decimal(32, 12)) as weight,
        case when candidates.weighing = 'fixed' then
            cast(100 * {{ dbt.datediff('candidates.first_day', 'candidates.next_first_day', 'day') }} as decimal(32, 12))
        end as whole
    from candidates
    left join fixed
        on
            case when candidates.weighing = 'fixed' then candidates.pool_id end = fixed.pool_id
            and candidates.billing_period = fixed.billing_period
            and candidates.target = fixed.target
    left join {{ ref('int_allocation__ledger_drivers') }} as ledger
        on
            case when candidates.weighing = 'ledger' then candidates.driver end = ledger.driver
            and candidates.driver_period = ledger.billing_period
            and candidates.target = ledger.cost_center_id
            and case candidates.driver
                when 'direct_cost' then ''
                when 'service_cost' then candidates.scope
                else split_part(candidates.scope, '|', 1)
            end = ledger.scope
    left join drivers
        on
            case when candidates.weighing = 'driver' then candidates.driver end = drivers.driver
            and candidates.driver_period = drivers.billing_period
            and candidates.target = drivers.target
            and case when candidates.is_daily then candidates.charge_date end is not distinct from drivers.charge_date
),

positive as (
    select * from weights where weight > 0
),

chosen as (
    select
        pool_id,
        billing_period,
        scope,
        charge_date,
        part_number,
        step_number,
        coalesce(max(whole), sum(weight)) as total_weight,
        sum(weight) as claimed_weight
    from positive
    group by pool_id, billing_period, scope, charge_date, part_number, step_number
    qualify row_number() over (
        partition by pool_id, billing_period, scope, charge_date, part_number order by step_number
    ) = 1
),

split as (
    select
        positive.pool_id,
        positive.billing_period,
        positive.scope,
        positive.charge_date,
        positive.part_number,
        positive.method,
        positive.driver,
        positive.step_number > 1 as is_fallback,
        positive.target,
        positive.is_pool,
        positive.weight as driver_value,
        {{ share_of('positive.weight', 'chosen.total_weight') }} as share,
        cast(null as varchar) as unallocated_reason
    from positive
    inner join chosen
        on
            positive.pool_id = chosen.pool_id
            and positive.billing_period = chosen.billing_period
            and positive.scope = chosen.scope
            and positive.charge_date is not distinct from chosen.charge_date
            and positive.part_number = chosen.part_number
            and positive.step_number = chosen.step_number
),

-- Every part of every group, with the step that it found or none.
parts as (
    select
        group_steps.pool_id,
        group_steps.billing_period,
        group_steps.scope,
        group_steps.charge_date,
        group_steps.part_number,
        group_steps.part_share,
        chosen.step_number,
        chosen.total_weight,
        chosen.claimed_weight
    from group_steps
    left join chosen
        on
            group_steps.pool_id = chosen.pool_id
            and group_steps.billing_period = chosen.billing_period
            and group_steps.scope = chosen.scope
            and group_steps.charge_date is not distinct from chosen.charge_date
            and group_steps.part_number = chosen.part_number
    where group_steps.step_number = 1
),

unallocated as (
    select
        pool_id,
        billing_period,
        scope,
        charge_date,
        part_number,
        'unallocated' as method,
        cast(null as varchar) as driver,
        false as is_fallback,
        '~unallocated' as target,
        false as is_pool,
        cast(null as decimal(32, 12)) as driver_value,
        case
            when step_number is null then cast(1 as decimal(19, 18))
            else {{ share_of('(total_weight - claimed_weight)', 'total_weight') }}
        end as share,
        case when step_number is null then 'zero_driver' else 'fixed_residual' end as unallocated_reason
    from parts
    where step_number is null or total_weight > claimed_weight
),

all_parts as (
    select * from split
    union all
    select * from unallocated
)

select
    all_parts.*,
    parts.part_share
from all_parts
inner join parts
    on
        all_parts.pool_id = parts.pool_id
        and all_parts.billing_period = parts.billing_period
        and all_parts.scope = parts.scope
        and all_parts.charge_date is not distinct from parts.charge_date
        and all_parts.part_number = parts.part_number
