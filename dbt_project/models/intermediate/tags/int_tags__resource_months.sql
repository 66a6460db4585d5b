-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- Costs by what carries tags. Grain: billing period × source × provider × currency × resource × tags × why it cannot carry any × imputed key.
-- Taxes, credits, fees, support and charges without a resource (transfer, requests) have nothing to put a tag on.
with

imputed as (
    select
        claims.x_allocation_key,
        claims.charge_date,
        {{ normalized_tag_key('rules.match_key') }} as imputed_key
    from {{ ref('int_allocation__claims') }} as claims
    inner join (
        select distinct rule_id, rule_version, match_key from {{ ref('stg_decisions__allocation_rules') }}
    ) as rules
        on claims.rule_id = rules.rule_id and claims.rule_version = rules.rule_version
    where claims.is_imputed
)

select
    costs.billing_period,
    costs.x_source,
    costs.provider,
    costs.billing_currency as currency,
    costs.resource_id,
    costs.tags,
    case
        when costs.charge_category in ('Tax', 'Credit', 'Purchase', 'Adjustment') then lower(costs.charge_category)
        when costs.charge_kind in ('support', 'commitment_waste') then costs.charge_kind
        when costs.resource_id is null then 'no_resource'
    end as untaggable_reason,
    imputed.imputed_key,
    max(costs.charge_date) as last_charge_date,
    {{ money('sum(costs.effective_cost)') }} as effective_cost
from {{ ref('fct_daily_costs') }} as costs
left join imputed
    on costs.x_allocation_key = imputed.x_allocation_key and costs.charge_date = imputed.charge_date
where {{ in_stale_period('costs.billing_period') }}
group by all
