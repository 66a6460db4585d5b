-- Shared pools split over cost centres. Grain: pool's daily row × cost centre.
-- The largest weight takes what rounding leaves; a pool with no positive weight stays unallocated.
with

pool_costs as (
    select
        charge_date,
        billing_period,
        x_source,
        provider,
        sub_account_id,
        service_name,
        charge_category,
        charge_kind,
        currency,
        pool_id,
        inputs_version,
        effective_cost,
        billed_cost
    from {{ ref('int_allocation__classified') }}
    where rule_id is null and pool_id is not null
),

parts as (
    select
        pool_costs.*,
        weights.rule_version,
        weights.cost_center_id,
        weights.method,
        weights.is_fallback,
        weights.driver_value,
        weights.share,
        weights.weight_rank,
        {{ money('pool_costs.effective_cost * weights.share') }} as effective_part,
        {{ money('pool_costs.billed_cost * weights.share') }} as billed_part
    from pool_costs
    left join {{ ref('int_allocation__weights') }} as weights
        on pool_costs.pool_id = weights.pool_id and pool_costs.billing_period = weights.billing_period
)

select
    charge_date,
    billing_period,
    x_source,
    provider,
    sub_account_id,
    service_name,
    charge_category,
    charge_kind,
    currency,
    pool_id,
    rule_version,
    inputs_version,
    cost_center_id,
    method,
    is_fallback,
    driver_value,
    share,
    case
        when weight_rank is null then effective_cost
        when weight_rank = 1 then {{ money('effective_cost - (sum(effective_part) over whole - effective_part)') }}
        else effective_part
    end as effective_cost,
    case
        when weight_rank is null then billed_cost
        when weight_rank = 1 then {{ money('billed_cost - (sum(billed_part) over whole - billed_part)') }}
        else billed_part
    end as billed_cost
from parts
window whole as (
    partition by
        charge_date, billing_period, x_source, sub_account_id, service_name, charge_category, charge_kind, currency, pool_id
)
