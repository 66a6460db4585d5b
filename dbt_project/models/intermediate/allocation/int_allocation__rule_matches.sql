-- Which direct rules could claim a charge, before dates and priorities decide. Grain: allocation key × rule row.
with

keys as (
    select * from {{ ref('int_allocation__keys') }}
),

tag_values as (
    select * from {{ ref('int_allocation__tag_values') }}
),

rules as (
    select
        *,
        {{ normalized_tag_key('match_key') }} as tag_key,
        {{ normalized_tag_value('match_value') }} as pattern
    from {{ ref('stg_decisions__allocation_rules') }}
),

tag_rules as (
    select distinct
        tag_values.tags,
        rules.rule_row
    from rules
    inner join tag_values
        on rules.tag_key = tag_values.tag_key and {{ rule_matches('tag_values.tag_value', 'rules.pattern') }}
    where rules.match_type = 'tag'
),

matches as (
    select keys.x_allocation_key, tag_rules.rule_row
    from keys
    inner join tag_rules on keys.tags = tag_rules.tags
    union all
    select keys.x_allocation_key, rules.rule_row
    from keys
    inner join rules
        on
            rules.match_type = 'account'
            and (
                {{ rule_matches('keys.sub_account_id', 'rules.pattern') }}
                or {{ rule_matches("replace(keys.sub_account_id, '/subscriptions/', '')", 'rules.pattern') }}
            )
    union all
    select keys.x_allocation_key, rules.rule_row
    from keys
    inner join rules
        on rules.match_type = 'resource' and {{ rule_matches('keys.resource_id', 'rules.pattern') }}
    union all
    select keys.x_allocation_key, rules.rule_row
    from keys
    inner join rules
        on rules.match_type = 'resource_group' and {{ rule_matches('keys.resource_group', 'rules.pattern') }}
    union all
    select keys.x_allocation_key, rules.rule_row
    from keys
    inner join rules
        on rules.match_type = 'name_pattern' and {{ matches_pattern('keys.resource_id', 'rules.match_value') }}
    union all
    select keys.x_allocation_key, rules.rule_row
    from keys
    inner join rules
        on rules.match_type = 'service' and {{ rule_matches('keys.service_name', 'rules.pattern') }}
)

select
    matches.x_allocation_key,
    rules.rule_id,
    rules.rule_version,
    rules.priority,
    rules.match_type,
    rules.claims_from as valid_from,
    rules.claims_to as valid_to
from matches
inner join rules on matches.rule_row = rules.rule_row
group by all
