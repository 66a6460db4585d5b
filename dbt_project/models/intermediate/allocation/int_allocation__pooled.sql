-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- Shared pools split over cost centres. Grain: pool's daily row × cost centre.
-- The largest share takes what rounding leaves; what no driver claims goes to ~unallocated with its reason.
with

pools as (
    select * from {{ ref('stg_decisions__pools') }}
),

pool_costs as (
    select
        classified.charge_date,
        classified.billing_period,
        classified.x_source,
        classified.provider,
        classified.sub_account_id,
        classified.service_name,
        classified.charge_category,
        classified.charge_kind,
        classified.currency,
        classified.pool_id,
        classified.effective_cost,
        classified.billed_cost,
        {{ pool_scope('pools', 'classified') }} as scope,
        case when pools.is_daily then classified.charge_date end as share_date
    from {{ ref('int_allocation__classified') }} as classified
    inner join pools on classified.pool_id = pools.pool_id
    where classified.rule_id is null and {{ in_stale_period('classified.billing_period') }}
),

shares as (
    select * from {{ ref('int_allocation__shares') }} where {{ in_stale_period('billing_period') }}
),

-- Per amount what all parts but the largest come to; the largest takes the rest.
others as (
    select
        pool_costs.pool_id,
        pool_costs.billing_period,
        pool_costs.scope,
        pool_costs.share_date,
        pool_costs.effective_cost,
        pool_costs.billed_cost,
        sum({{ money('pool_costs.effective_cost * shares.share') }}) as effective_others,
        sum({{ money('pool_costs.billed_cost * shares.share') }}) as billed_others
    from (
        select distinct pool_id, billing_period, scope, share_date, effective_cost, billed_cost from pool_costs
    ) as pool_costs
    inner join shares
        on
            pool_costs.pool_id = shares.pool_id
            and pool_costs.billing_period = shares.billing_period
            and pool_costs.scope = shares.scope
            and pool_costs.share_date is not distinct from shares.charge_date
    where shares.share_rank > 1
    group by all
)

select
    pool_costs.charge_date,
    pool_costs.billing_period,
    pool_costs.x_source,
    pool_costs.provider,
    pool_costs.sub_account_id,
    pool_costs.service_name,
    pool_costs.charge_category,
    pool_costs.charge_kind,
    pool_costs.currency,
    pool_costs.pool_id,
    shares.rule_version,
    shares.cost_center_id,
    shares.method,
    shares.driver,
    shares.is_fallback,
    shares.driver_value,
    shares.share,
    shares.unallocated_reason,
    case
        when shares.share_rank = 1
            then {{ money('pool_costs.effective_cost - coalesce(others.effective_others, 0)') }}
        else {{ money('pool_costs.effective_cost * shares.share') }}
    end as effective_cost,
    case
        when shares.share_rank = 1
            then {{ money('pool_costs.billed_cost - coalesce(others.billed_others, 0)') }}
        else {{ money('pool_costs.billed_cost * shares.share') }}
    end as billed_cost
from pool_costs
inner join shares
    on
        pool_costs.pool_id = shares.pool_id
        and pool_costs.billing_period = shares.billing_period
        and pool_costs.scope = shares.scope
        and pool_costs.share_date is not distinct from shares.charge_date
left join others
    on
        case when shares.share_rank = 1 then pool_costs.pool_id end = others.pool_id
        and pool_costs.billing_period = others.billing_period
        and pool_costs.scope = others.scope
        and pool_costs.share_date is not distinct from others.share_date
        and pool_costs.effective_cost = others.effective_cost
        and pool_costs.billed_cost = others.billed_cost
