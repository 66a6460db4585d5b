-- Values of the keys that decisions look at, as the bills have them after normalising and aliases.
-- Grain: normalised key × value. is_known: some rule or pool matches it, on whatever date.
with

patterns as (
    select distinct
        {{ normalized_tag_key('match_key') }} as tag_key,
        {{ normalized_tag_value('match_value') }} as pattern
    from (
        select match_key, match_value from {{ ref('stg_decisions__allocation_rules') }} where match_type = 'tag'
        union all
        select match_key, match_value from {{ ref('stg_decisions__shared_cost_rules') }} where match_type = 'tag'
    ) as tag_rules
),

written as (
    select distinct
        tag_values.tag_key,
        tag_values.tag_value
    from {{ ref('int_allocation__tag_values') }} as tag_values
    inner join {{ ref('int_tags__keys') }} as tag_keys on tag_values.tag_key = tag_keys.tag_key
)

select
    written.tag_key,
    written.tag_value,
    bool_or(patterns.pattern is not null) as is_known
from written
left join patterns
    on written.tag_key = patterns.tag_key and {{ rule_matches('written.tag_value', 'patterns.pattern') }}
group by written.tag_key, written.tag_value
