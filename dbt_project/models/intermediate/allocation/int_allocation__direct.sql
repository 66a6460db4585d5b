-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- Costs that a direct rule gives to cost centres, split where the rule splits. Grain: classified row × cost centre.
-- The largest share takes what rounding leaves, so a split never gains or loses.
with

claimed as (
    select *
    from {{ ref('int_allocation__classified') }}
    where rule_id is not null and {{ in_stale_period('billing_period') }}
),

splits as (
    select
        rule_id,
        rule_version,
        cost_center_id,
        cast(share_percent * 0.01 as decimal(19, 18)) as share,
        row_number() over (
            partition by rule_id, rule_version order by share_percent desc, cost_center_id
        ) as share_rank
    from {{ ref('stg_decisions__allocation_rules') }}
    union all
    select
        '~treatment:' || charge_kind as rule_id,
        'central:' || cost_center_id as rule_version,
        cost_center_id,
        cast(1 as decimal(19, 18)) as share,
        1 as share_rank
    from {{ ref('stg_decisions__charge_treatments') }}
    where treatment = 'central'
),

parts as (
    select
        claimed.*,
        splits.cost_center_id,
        splits.share,
        splits.share_rank,
        {{ share_of_money('claimed.effective_cost', 'splits.share') }} as effective_part,
        {{ share_of_money('claimed.billed_cost', 'splits.share') }} as billed_part
    from claimed
    inner join splits on claimed.rule_id = splits.rule_id and claimed.rule_version = splits.rule_version
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
    rule_id,
    rule_version,
    match_type,
    is_imputed,
    cost_center_id,
    share,
    case
        when share_rank = 1 then {{ money('effective_cost - (sum(effective_part) over whole - effective_part)') }}
        else effective_part
    end as effective_cost,
    case
        when share_rank = 1 then {{ money('billed_cost - (sum(billed_part) over whole - billed_part)') }}
        else billed_part
    end as billed_cost,
    -- Weights for shared pools, not money that is passed on: a split's last digits may be missing.
    {{ share_of_money('covered_cost', 'share') }} as covered_cost,
    {{ share_of_money('on_demand_cost', 'share') }} as on_demand_cost
from parts
window whole as (
    partition by
        charge_date, billing_period, x_source, sub_account_id, service_name, charge_category, charge_kind, currency,
        rule_id, rule_version, match_type, is_imputed
)
