-- Which workload a set of tags names: the first of the seed workload_tags that is there. Grain: tags object.
select
    tag_values.tags,
    tag_values.tag_value as workload
from {{ ref('int_allocation__tag_values') }} as tag_values
inner join {{ ref('workload_tags') }} as keys on tag_values.tag_key = keys.tag_key
where tag_values.tag_value <> ''
qualify row_number() over (partition by tag_values.tags order by keys.priority) = 1
