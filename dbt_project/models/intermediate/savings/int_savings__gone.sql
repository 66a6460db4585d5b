-- Recommendations that were made on an earlier day and are no longer, with why. Grain: recommendation.
-- A recommendation that a changed threshold took away, or whose resource just vanished, was not implemented.
with

last_made as (
    select history.*
    from {{ ref('stg_results__recommendation_history') }} as history
    left join {{ ref('int_savings__priced') }} as current_ones on history.recommendation_id = current_ones.candidate_id
    where current_ones.candidate_id is null and history.rule_id <> 'commitment_purchase'
    qualify row_number() over (partition by history.recommendation_id order by history.run_date desc) = 1
),

clock as (
    select run_date from {{ ref('int_optimization__clock') }}
),

inventory as (
    select provider, lower(resource_id) as resource_key, max(day) as last_day
    from {{ ref('stg_usage__inventory') }}
    group by provider, lower(resource_id)
),

inventories as (
    select provider, max(last_day) as newest_day from inventory group by provider
),

bills as (
    select lower(resource_id) as resource_key, max(charge_date) as last_day
    from {{ ref('fct_daily_costs') }}
    where resource_id is not null
    group by lower(resource_id)
),

accounts as (
    select x_source, sub_account_id, max(charge_date) as last_day
    from {{ ref('fct_daily_costs') }}
    group by x_source, sub_account_id
),

newest as (
    select x_source, max(charge_date) as newest_day from {{ ref('fct_daily_costs') }} group by x_source
),

decisions as (
    select recommendation_id, decision, applied_on
    from {{ ref('stg_decisions__recommendation_decisions') }}
    qualify row_number() over (partition by recommendation_id order by decided_on desc, decision desc) = 1
)

select
    last_made.*,
    clock.run_date as today,
    case
        when decisions.decision = 'applied' then 'RECOMMENDATION_APPLIED'
        when {{ days_from('accounts.last_day', 'newest.newest_day') }} > 31 then 'CLOUD_ACCOUNT_DELETED'
        when inventory.last_day < inventories.newest_day then 'RESOURCE_DELETED'
        when inventory.last_day is null and bills.last_day < {{ plus_days('newest.newest_day', -2) }} then 'RESOURCE_DELETED'
        when rules.rule_id is null then 'OPTIONS_CHANGED'
        when inventories.newest_day < {{ plus_days('clock.run_date', -3) }} then 'FAILED_DEPENDENCY'
        else 'RECOMMENDATION_IRRELEVANT'
    end as archive_reason
from last_made
cross join clock
left join (select distinct rule_id, rule_version from {{ ref('int_optimization__rules') }}) as rules
    on last_made.rule_id = rules.rule_id and last_made.rule_version = rules.rule_version
left join inventory
    on last_made.provider = inventory.provider and lower(last_made.resource_id) = inventory.resource_key
left join inventories on last_made.provider = inventories.provider
left join bills on lower(last_made.resource_id) = bills.resource_key
left join accounts on last_made.x_source = accounts.x_source and last_made.sub_account_id = accounts.sub_account_id
left join newest on last_made.x_source = newest.x_source
left join decisions on starts_with(last_made.recommendation_id, decisions.recommendation_id)
where last_made.run_date < clock.run_date
