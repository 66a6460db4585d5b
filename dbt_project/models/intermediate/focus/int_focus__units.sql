{{ config(materialized='table') }}
-- Providers' units in the UnitFormat of FOCUS ("GB-Mo" is GB-Months), once per distinct text. Grain: unit as delivered.
-- A word that the seed does not know keeps its spelling.
with

delivered as (
    select pricing_unit as unit from {{ ref('stg_aws__cur_line_items') }}
    union
    select unit_of_measure as unit from {{ ref('stg_azure__cost_details') }}
    union
    select pricing_unit as unit from {{ ref('azure_pricing_units') }}
    union
    select usage_unit as unit from {{ ref('stg_gcp__billing_export') }}
    union
    select usage_pricing_unit as unit from {{ ref('stg_gcp__billing_export') }}
),

words as (
    select * from {{ ref('focus_units') }}
),

-- "gibibyte month" is what and how long: the last word, and what stands before it.
parts as (
    select
        unit,
        trim(unit) as text,
        regexp_extract(trim(unit), '^(.*?)[-/ ]?([A-Za-z]+)$', 1) as head,
        regexp_extract(trim(unit), '^(.*?)[-/ ]?([A-Za-z]+)$', 2) as last_word,
        unit like '%/%' as is_rate
    from delivered
    where unit is not null
)

select
    parts.unit,
    case
        when times.per_unit is null then coalesce(wholes.unit, replace(parts.text, '-', ' '))
        when parts.head = '' then times.unit
        when parts.is_rate then coalesce(heads.unit, parts.head) || '/' || times.per_unit
        else coalesce(heads.unit, replace(parts.head, '-', ' ')) || '-' || times.unit
    end as focus_unit
from parts
left join words as times on lower(parts.last_word) = times.word and times.per_unit is not null
left join words as heads on lower(trim(parts.head)) = heads.word and heads.per_unit is null
left join words as wholes on lower(parts.text) = wholes.word
