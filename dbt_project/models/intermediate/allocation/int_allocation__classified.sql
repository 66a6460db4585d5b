-- Daily costs by the rule or pool that claims them. Grain: day × source × account × service × kind × claim.
-- The first matching direct rule that is valid on the charge date wins; then the first shared pool; the rest stays
-- unallocated, with a reason.
with

periods as (
    select * from {{ ref('int_allocation__periods') }}
),

costs as (
    select * from {{ ref('fct_daily_costs') }}
),

matches as (
    select * from {{ ref('int_allocation__rule_matches') }}
),

key_days as (
    select distinct
        x_allocation_key,
        charge_date
    from costs
),

claims as (
    select
        key_days.x_allocation_key,
        key_days.charge_date,
        matches.rule_id,
        matches.rule_version,
        matches.match_type
    from key_days
    inner join matches
        on
            key_days.x_allocation_key = matches.x_allocation_key
            and key_days.charge_date >= matches.valid_from
            and key_days.charge_date < matches.valid_to
    qualify row_number() over (
        partition by key_days.x_allocation_key, key_days.charge_date order by matches.priority, matches.rule_id
    ) = 1
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
        claims.rule_id,
        claims.rule_version,
        claims.match_type,
        case when claims.rule_id is null then costs.tags end as tags,
        {{ money('sum(costs.effective_cost)') }} as effective_cost,
        {{ money('sum(costs.billed_cost)') }} as billed_cost
    from costs
    left join claims
        on costs.x_allocation_key = claims.x_allocation_key and costs.charge_date = claims.charge_date
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
        charge_date, sub_account_id, service_name, charge_category, commitment_discount_status, tags
    from grouped
    where rule_id is null
),

pool_claims as (
    select
        pool_keys.charge_date,
        pool_keys.sub_account_id,
        pool_keys.service_name,
        pool_keys.charge_category,
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
            pool_claims.commitment_discount_status, pool_claims.tags
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
    first_pool.pool_id,
    periods.inputs_version,
    {{ money('sum(grouped.effective_cost)') }} as effective_cost,
    {{ money('sum(grouped.billed_cost)') }} as billed_cost
from grouped
inner join periods on grouped.billing_period = periods.billing_period
left join first_pool
    on
        grouped.rule_id is null
        and grouped.charge_date = first_pool.charge_date
        and grouped.sub_account_id is not distinct from first_pool.sub_account_id
        and grouped.service_name = first_pool.service_name
        and grouped.charge_category = first_pool.charge_category
        and grouped.commitment_discount_status is not distinct from first_pool.commitment_discount_status
        and grouped.tags is not distinct from first_pool.tags
group by all
