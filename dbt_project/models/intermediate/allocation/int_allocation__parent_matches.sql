-- Rules that a resource inherits from its parent (snapshot → volume → machine). Grain: allocation key × rule row.
-- The nearest ancestor's rules come first; more than ten levels are not followed.
with recursive

keys as (
    select * from {{ ref('int_allocation__keys') }} where resource_id is not null
),

own as (
    select * from {{ ref('int_allocation__rule_matches') }}
),

parents as (
    select
        lower(resource_id) as resource_id,
        lower(parent_resource_id) as parent_resource_id,
        priority
    from {{ ref('stg_decisions__resource_parents') }}
),

ancestors as (
    select resource_id, parent_resource_id as ancestor_id, priority, 1 as depth from parents
    union all
    select ancestors.resource_id, parents.parent_resource_id as ancestor_id, ancestors.priority, ancestors.depth + 1 as depth
    from ancestors
    inner join parents on ancestors.ancestor_id = parents.resource_id
    where ancestors.depth < 10
)

select
    keys.x_allocation_key,
    own.rule_id,
    own.rule_version,
    ancestors.priority,
    'parent' as match_type,
    own.valid_from,
    own.valid_to,
    min(ancestors.depth * 100000 + own.priority) as specificity
from keys
inner join ancestors on keys.resource_id = ancestors.resource_id
inner join keys as ancestor_keys on ancestors.ancestor_id = ancestor_keys.resource_id
inner join own on ancestor_keys.x_allocation_key = own.x_allocation_key
group by all
