-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- What each cost centre's money was claimed or split by, as rules say today.
-- Grain: billing period × cost centre × currency × method × rule × version × reason.
-- Quantities add up over days and sources; heads, revenue and equal parts are the same in each and are counted once.
with

allocated as (
    select
        billing_period,
        cost_center_id,
        currency,
        method,
        rule_id,
        rule_version,
        unallocated_reason,
        sum(allocated_cost) as allocated_cost
    from {{ ref('fct_allocated_costs') }}
    where {{ in_stale_period('billing_period') }}
    group by all
),

quantities as (
    select
        pool_id,
        billing_period,
        cost_center_id,
        max(driver) as driver,
        bool_or(is_fallback) as is_fallback,
        case
            when max(case when method in ('headcount_based', 'revenue_based', 'equal_split', 'fixed_percentage') then 1 else 0 end) = 1
                then max(driver_value)
            else sum(driver_value)
        end as driver_value
    from {{ ref('int_allocation__shares') }}
    where {{ in_stale_period('billing_period') }}
    group by pool_id, billing_period, cost_center_id
),

totals as (
    select pool_id, billing_period, sum(driver_value) as driver_total
    from quantities
    group by pool_id, billing_period
),

split as (
    select
        *,
        sum(allocated_cost) over (partition by billing_period, currency, rule_id, rule_version) as rule_cost
    from allocated
)

select
    split.billing_period,
    split.cost_center_id,
    split.currency,
    split.method,
    split.rule_id,
    split.rule_version,
    split.unallocated_reason,
    case when split.method not in ('direct', 'commitment_benefit') then quantities.driver end as driver,
    coalesce(quantities.is_fallback, false) as is_fallback,
    cast(case when split.method <> 'direct' then quantities.driver_value end as decimal(38, 4)) as driver_value,
    cast(case when split.method <> 'direct' then totals.driver_total end as decimal(38, 4)) as driver_total,
    -- No share where charges and credits of a rule nearly cancel: it would say nothing.
    case
        when
            split.rule_id <> '~none' and split.method <> 'commitment_benefit'
            and abs(split.allocated_cost) <= abs(split.rule_cost) * 1000
            then {{ ratio('split.allocated_cost', 'split.rule_cost') }}
    end as share,
    {{ money("case when split.rule_id <> '~none' and split.method <> 'commitment_benefit' then split.rule_cost end") }} as rule_cost,
    {{ money('split.allocated_cost') }} as allocated_cost
from split
left join quantities
    on
        split.rule_id = quantities.pool_id
        and split.billing_period = quantities.billing_period
        and split.cost_center_id = quantities.cost_center_id
left join totals on split.rule_id = totals.pool_id and split.billing_period = totals.billing_period
