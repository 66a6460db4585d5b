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

pooled as (
    select
        pooled.charge_date, pooled.billing_period, pooled.x_source, pooled.provider, pooled.sub_account_id,
        pooled.service_name, pooled.charge_category, pooled.charge_kind,
        pooled.cost_center_id,
        pooled.method,
        pooled.pool_id as rule_id,
        pooled.rule_version,
        pooled.driver_value,
        pooled.share,
        pooled.effective_cost,
        pooled.billed_cost,
        pooled.currency,
        -- 0.5 to 0.9 (domain page 4.2): a driver is as sure as it is complete, and a fallback never more than the least.
        cast(case
            when pooled.method = 'unallocated' then 0
            when pooled.is_fallback then 0.50
            when pooled.method in ('proportional_usage', 'activity_based', 'tiered', 'telemetry')
                then 0.50 + 0.40 * coalesce(measured.completeness, 1)
            else 0.70
        end as decimal(4, 2)) as confidence,
        false as is_imputed,
        pooled.unallocated_reason
    from {{ ref('int_allocation__pooled') }} as pooled
    left join {{ ref('int_allocation__driver_completeness') }} as measured
        on pooled.driver = measured.driver and pooled.billing_period = measured.billing_period
    where {{ in_stale_period('pooled.billing_period') }}
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
    cast(max(driver_value) as decimal(28, 4)) as driver_value,
    cast(max(share) as decimal(13, 12)) as share,
    {{ money('sum(effective_cost)') }} as allocated_cost,
    {{ money('sum(billed_cost)') }} as allocated_billed_cost,
    currency,
    confidence,
    is_imputed,
    unallocated_reason
from allocated
group by all
