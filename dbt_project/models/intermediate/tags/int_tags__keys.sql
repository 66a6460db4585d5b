-- The tag keys that decisions look at. Grain: normalised key; `name` is how the decisions write it.
select
    {{ normalized_tag_key('match_key') }} as tag_key,
    min(trim(match_key)) as name
from (
    select match_key from {{ ref('stg_decisions__allocation_rules') }} where match_type = 'tag'
    union all
    select match_key from {{ ref('stg_decisions__shared_cost_rules') }} where match_type = 'tag'
) as tag_rules
group by {{ normalized_tag_key('match_key') }}
