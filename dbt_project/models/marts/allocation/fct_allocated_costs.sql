-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- Who pays for what, and why. Grain: day × cost centre × charge key (source, account, service, category) × rule.
-- Sums to effective cost of fct_daily_costs exactly; ~unallocated holds what no rule claims.
with

direct as (
    select
        charge_date, billing_period, x_source, provider, sub_account_id, service_name, charge_category, charge_kind,
        cost_center_id,
        'direct' as method,
        rule_id,
        rule_version,
        cast(null as decimal(28, 4)) as driver_value,
        share,
        effective_cost,
        billed_cost,
        currency,
        -- Confidence per kind of match: domain page 4.2. A tag that came later is less sure than one that was there.
        cast(case
            when is_imputed then 0.85
            when match_type in ('resource', 'treatment') then 1.00
            when match_type = 'tag' then 0.95
            when match_type = 'resource_group' then 0.90
            when match_type = 'account' then 0.80
            when match_type = 'parent' then 0.70
            else 0.60
        end as decimal(4, 2)) as confidence,
        is_imputed,
        cast(null as varchar) as unallocated_reason
    from {{ ref('int_allocation__direct') }}
    where {{ in_stale_period('billing_period') }}
),

-- 0.5 to 0.9 (domain page 4.2): a driver is as sure as it is complete.
measured as (
    select driver, billing_period, cast(0.50 + 0.40 * completeness as decimal(4, 2)) as confidence
    from {{ ref('int_allocation__driver_completeness') }}
),

pools as (
    select * from {{ ref('stg_decisions__pools') }}
),

pool_costs as (
    select
        row_number() over (
            order by
                classified.charge_date, classified.billing_period, classified.x_source, classified.provider,
                classified.sub_account_id, classified.service_name, classified.charge_category, classified.charge_kind,
                classified.currency, classified.is_imputed, classified.pool_id
        ) as cost_number,
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

-- A pool's amounts split over cost centres.
parts as (
    select
        pool_costs.cost_number,
        shares.cost_center_id,
        shares.share_rank,
        {{ share_of_money('pool_costs.effective_cost', 'shares.share') }} as effective_part,
        {{ share_of_money('pool_costs.billed_cost', 'shares.share') }} as billed_part
    from pool_costs
    inner join shares
        on
            pool_costs.pool_id = shares.pool_id
            and pool_costs.billing_period = shares.billing_period
            and pool_costs.scope = shares.scope
            and pool_costs.share_date is not distinct from shares.charge_date
),

-- What all parts but the largest come to; the largest takes the rest.
others as (
    select
        cost_number,
        sum(effective_part) as effective_others,
        sum(billed_part) as billed_others
    from parts
    where share_rank > 1
    group by cost_number
),

pooled as (
    select
        pool_costs.charge_date, pool_costs.billing_period, pool_costs.x_source, pool_costs.provider,
        pool_costs.sub_account_id, pool_costs.service_name, pool_costs.charge_category, pool_costs.charge_kind,
        shares.cost_center_id,
        shares.method,
        pool_costs.pool_id as rule_id,
        shares.rule_version,
        shares.driver_value,
        shares.share,
        case
            when parts.share_rank = 1 then pool_costs.effective_cost - coalesce(others.effective_others, 0)
            else parts.effective_part
        end as effective_cost,
        case
            when parts.share_rank = 1 then pool_costs.billed_cost - coalesce(others.billed_others, 0)
            else parts.billed_part
        end as billed_cost,
        pool_costs.currency,
        -- A fallback is never surer than the least complete driver.
        cast(case
            when shares.method = 'unallocated' then 0
            when shares.is_fallback then 0.50
            when shares.method in ('proportional_usage', 'activity_based', 'tiered', 'telemetry')
                then coalesce(measured.confidence, 0.90)
            else 0.70
        end as decimal(4, 2)) as confidence,
        false as is_imputed,
        shares.unallocated_reason
    from parts
    inner join pool_costs on parts.cost_number = pool_costs.cost_number
    inner join shares
        on
            pool_costs.pool_id = shares.pool_id
            and pool_costs.billing_period = shares.billing_period
            and pool_costs.scope = shares.scope
            and pool_costs.share_date is not distinct from shares.charge_date
            and parts.cost_center_id = shares.cost_center_id
    left join others on parts.cost_number = others.cost_number
    left join measured on shares.driver = measured.driver and pool_costs.billing_period = measured.billing_period
),

unclaimed as (
    select
        charge_date, billing_period, x_source, provider, sub_account_id, service_name, charge_category, charge_kind,
        '~unallocated' as cost_center_id,
        'unallocated' as method,
        cast(null as varchar) as rule_id,
        cast(null as varchar) as rule_version,
        cast(null as decimal(28, 4)) as driver_value,
        cast(null as decimal(13, 12)) as share,
        effective_cost,
        billed_cost,
        currency,
        cast(0 as decimal(4, 2)) as confidence,
        false as is_imputed,
        'no_rule' as unallocated_reason
    from {{ ref('int_allocation__classified') }}
    where rule_id is null and pool_id is null and {{ in_stale_period('billing_period') }}
),

benefit as (
    select
        charge_date, billing_period, x_source, provider, sub_account_id, service_name, charge_category,
        'commitment_benefit' as charge_kind,
        cost_center_id,
        'commitment_benefit' as method,
        rule_id,
        cast(null as varchar) as rule_version,
        cast(null as decimal(28, 4)) as driver_value,
        cast(null as decimal(13, 12)) as share,
        amount as effective_cost,
        cast(0 as decimal(28, 12)) as billed_cost,
        currency,
        cast(1 as decimal(4, 2)) as confidence,
        false as is_imputed,
        cast(null as varchar) as unallocated_reason
    from {{ ref('int_allocation__commitment_benefit') }}
    where {{ in_stale_period('billing_period') }}
),

allocated as (
    select * from direct
    union all
    select * from pooled
    union all
    select * from unclaimed
    union all
    select * from benefit
)

-- One row per grain already: each arm comes from a row of int_allocation__classified and a cost centre.
select
    charge_date,
    billing_period,
    cost_center_id,
    x_source,
    provider,
    sub_account_id,
    service_name,
    charge_category,
    charge_kind,
    method,
    coalesce(rule_id, '~none') as rule_id,
    rule_version,
    cast(driver_value as decimal(28, 4)) as driver_value,
    cast(share as decimal(13, 12)) as share,
    {{ money('effective_cost') }} as allocated_cost,
    {{ money('billed_cost') }} as allocated_billed_cost,
    currency,
    confidence,
    is_imputed,
    unallocated_reason
from allocated
