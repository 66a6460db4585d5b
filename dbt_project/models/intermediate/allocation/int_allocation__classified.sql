-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- Daily costs by the rule or pool that claims them. Grain: day × source × account × service × kind × claim.
-- The first matching direct rule that is valid on the charge date wins; then the first shared pool; the rest stays
-- unallocated, with a reason.
with

costs as (
    select * from {{ ref('fct_daily_costs') }} where {{ in_stale_period('billing_period') }}
),

claims as (
    select * from {{ ref('int_allocation__claims') }}
),

treatments as (
    select * from {{ ref('stg_decisions__charge_treatments') }} where treatment <> 'rules'
),

grouped as (
    select
        costs.charge_date,
        costs.billing_period,
        costs.x_source,
        costs.provider,
        costs.sub_account_id,
        costs.service_name,
        costs.charge_category,
        costs.charge_kind,
        costs.commitment_discount_status,
        costs.billing_currency as currency,
        case treatments.treatment
            when 'central' then '~treatment:' || treatments.charge_kind
            when 'pool' then null
            else claims.rule_id
        end as rule_id,
        case
            when treatments.treatment = 'central' then 'central:' || treatments.cost_center_id
            when treatments.treatment is null then claims.rule_version
        end as rule_version,
        case
            when treatments.treatment = 'central' then 'treatment'
            when treatments.treatment is null then claims.match_type
        end as match_type,
        treatments.treatment is null and coalesce(claims.is_imputed, false) as is_imputed,
        case when claims.rule_id is null or treatments.treatment = 'pool' then costs.tags end as tags,
        {{ money('sum(costs.effective_cost)') }} as effective_cost,
        {{ money('sum(costs.billed_cost)') }} as billed_cost,
        {{ money("sum(case when costs.commitment_discount_status = 'Used' then costs.effective_cost else 0 end)") }}
            as covered_cost,
        {{ money("sum(case when costs.commitment_discount_status is null and costs.charge_category = 'Usage' "
            ~ "then costs.effective_cost else 0 end)") }} as on_demand_cost
    from costs
    left join claims
        on costs.x_allocation_key = claims.x_allocation_key and costs.charge_date = claims.charge_date
    left join treatments on costs.charge_kind = treatments.charge_kind
    group by all
),

pool_rules as (
    select
        *,
        lower(trim(match_value)) as pattern,
        {{ normalized_tag_key('match_key') }} as tag_key
    from {{ ref('stg_decisions__shared_cost_rules') }}
),

tag_values as (
    select * from {{ ref('int_allocation__tag_values') }}
),

pool_keys as (
    select distinct
        charge_date, sub_account_id, service_name, charge_category, charge_kind, commitment_discount_status, tags
    from grouped
    where rule_id is null
),

pool_claims as (
    select
        pool_keys.charge_date,
        pool_keys.sub_account_id,
        pool_keys.service_name,
        pool_keys.charge_category,
        pool_keys.charge_kind,
        pool_keys.commitment_discount_status,
        pool_keys.tags,
        pool_rules.pool_id
    from pool_keys
    inner join pool_rules
        on
            pool_keys.charge_date >= pool_rules.valid_from
            and pool_keys.charge_date < pool_rules.valid_to
            and case pool_rules.match_type
                when 'any' then true
                when 'charge_kind' then {{ rule_matches('pool_keys.charge_kind', 'pool_rules.pattern') }}
                when 'charge_category'
                    then {{ rule_matches('lower(pool_keys.charge_category)', 'pool_rules.pattern') }}
                when 'commitment_status'
                    then {{ rule_matches('lower(pool_keys.commitment_discount_status)', 'pool_rules.pattern') }}
                when 'service' then {{ rule_matches('lower(pool_keys.service_name)', 'pool_rules.pattern') }}
                when 'account' then (
                    {{ rule_matches('lower(pool_keys.sub_account_id)', 'pool_rules.pattern') }}
                    or {{ rule_matches("replace(lower(pool_keys.sub_account_id), '/subscriptions/', '')", 'pool_rules.pattern') }}
                )
                else false
            end
    union all
    select
        pool_keys.charge_date,
        pool_keys.sub_account_id,
        pool_keys.service_name,
        pool_keys.charge_category,
        pool_keys.charge_kind,
        pool_keys.commitment_discount_status,
        pool_keys.tags,
        pool_rules.pool_id
    from pool_keys
    inner join tag_values on pool_keys.tags = tag_values.tags
    inner join pool_rules
        on
            pool_rules.match_type = 'tag'
            and pool_rules.tag_key = tag_values.tag_key
            and {{ rule_matches('tag_values.tag_value', 'pool_rules.pattern') }}
            and pool_keys.charge_date >= pool_rules.valid_from
            and pool_keys.charge_date < pool_rules.valid_to
),

first_pool as (
    select pool_claims.*
    from pool_claims
    inner join (select pool_id, min(priority) as priority from pool_rules group by pool_id) as pools
        on pool_claims.pool_id = pools.pool_id
    qualify row_number() over (
        partition by
            pool_claims.charge_date, pool_claims.sub_account_id, pool_claims.service_name, pool_claims.charge_category,
            pool_claims.charge_kind, pool_claims.commitment_discount_status, pool_claims.tags
        order by pools.priority, pool_claims.pool_id
    ) = 1
)

select
    grouped.charge_date,
    grouped.billing_period,
    grouped.x_source,
    grouped.provider,
    grouped.sub_account_id,
    grouped.service_name,
    grouped.charge_category,
    grouped.charge_kind,
    grouped.currency,
    grouped.rule_id,
    grouped.rule_version,
    grouped.match_type,
    grouped.is_imputed,
    first_pool.pool_id,
    {{ money('sum(grouped.effective_cost)') }} as effective_cost,
    {{ money('sum(grouped.billed_cost)') }} as billed_cost,
    {{ money('sum(grouped.covered_cost)') }} as covered_cost,
    {{ money('sum(grouped.on_demand_cost)') }} as on_demand_cost
from grouped
left join first_pool
    on
        case when grouped.rule_id is null then grouped.charge_date end = first_pool.charge_date
        and grouped.sub_account_id is not distinct from first_pool.sub_account_id
        and grouped.service_name = first_pool.service_name
        and grouped.charge_category = first_pool.charge_category
        and grouped.charge_kind = first_pool.charge_kind
        and grouped.commitment_discount_status is not distinct from first_pool.commitment_discount_status
        and grouped.tags is not distinct from first_pool.tags
group by all
