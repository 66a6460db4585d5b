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
        -- Confidence per kind of match: domain page 4.2.
        cast(case match_type
            when 'resource' then 1.00
            when 'tag' then 0.95
            when 'resource_group' then 0.90
            when 'account' then 0.80
            else 0.60
        end as decimal(4, 2)) as confidence,
        cast(null as varchar) as unallocated_reason
    from {{ ref('int_allocation__direct') }}
),

pooled as (
    select
        charge_date, billing_period, x_source, provider, sub_account_id, service_name, charge_category, charge_kind,
        coalesce(cost_center_id, '~unallocated') as cost_center_id,
        coalesce(method, 'unallocated') as method,
        pool_id as rule_id,
        rule_version,
        driver_value,
        share,
        effective_cost,
        billed_cost,
        currency,
        cast(case
            when cost_center_id is null then 0
            when is_fallback then 0.50
            when method = 'proportional_usage' then 0.90
            else 0.70
        end as decimal(4, 2)) as confidence,
        case when cost_center_id is null then 'zero_driver' end as unallocated_reason
    from {{ ref('int_allocation__pooled') }}
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
        'no_rule' as unallocated_reason
    from {{ ref('int_allocation__classified') }}
    where rule_id is null and pool_id is null
),

allocated as (
    select * from direct
    union all
    select * from pooled
    union all
    select * from unclaimed
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
    unallocated_reason
from allocated
group by all
