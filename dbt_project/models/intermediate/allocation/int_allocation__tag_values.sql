-- Tags as rules see them: keys and values normalised, then aliased. Grain: tags object × normalised key.
with

tag_sets as (
    select distinct tags from {{ ref('fct_daily_costs') }} where tags is not null
),

pairs as (
    select
        tag_sets.tags,
        e.key as spelled_key,
        {{ normalized_tag_key('e.key') }} as tag_key,
        {{ normalized_tag_value('e.value') }} as tag_value
    from tag_sets, {{ json_pairs('tag_sets.tags') }} as e
),

key_aliases as (
    select
        {{ normalized_tag_key('alias') }} as alias,
        {{ normalized_tag_key('canonical') }} as canonical
    from {{ ref('stg_decisions__tag_aliases') }}
    where kind = 'key'
),

value_aliases as (
    select
        {{ normalized_tag_key('tag_key') }} as tag_key,
        {{ normalized_tag_value('alias') }} as alias,
        {{ normalized_tag_value('canonical') }} as canonical
    from {{ ref('stg_decisions__tag_aliases') }}
    where kind = 'value'
),

keyed as (
    select
        pairs.tags,
        pairs.spelled_key,
        pairs.tag_value,
        coalesce(key_aliases.canonical, pairs.tag_key) as tag_key,
        key_aliases.canonical is null as is_own_spelling
    from pairs
    left join key_aliases on pairs.tag_key = key_aliases.alias
)

select
    keyed.tags,
    keyed.tag_key,
    coalesce(value_aliases.canonical, keyed.tag_value) as tag_value
from keyed
left join value_aliases on keyed.tag_key = value_aliases.tag_key and keyed.tag_value = value_aliases.alias
-- Twin spellings on one resource: the canonical one, then the first by name.
qualify row_number() over (
    partition by keyed.tags, keyed.tag_key order by keyed.is_own_spelling desc, keyed.spelled_key
) = 1
