{{ config(materialized='table') }}
-- Tags of every provider as one FOCUS JSON object, once per distinct raw text.
-- Keys keep their spelling; AWS loses its user prefix, GCP's other schemes get one. The first of twin keys wins.
-- Grain: provider dialect × raw text.
with

aws as (
    select distinct resource_tags as raw_tags from {{ ref('stg_aws__cur_line_items') }} where resource_tags is not null
),

azure as (
    select distinct tags as raw_tags from {{ ref('stg_azure__cost_details') }} where tags is not null
),

gcp as (
    select labels, project_labels, tags from {{ ref('stg_gcp__billing_export') }}
    union
    -- A fee whose delivery the ledger has may be named anew, by late usage.
    select labels, project_labels, tags from {{ ref('int_focus__gcp_fee_months') }}
),

focus as (
    select distinct tags as raw_tags from {{ ref('stg_focus__cost_and_usage') }} where tags is not null
),

azure_objects as (
    -- Azure writes tags without braces in its older exports.
    select
        raw_tags,
        case when left(trim(raw_tags), 1) = '{' then raw_tags else '{' || raw_tags || '}' end as object
    from azure
),

pairs as (
    select 'aws' as dialect, aws.raw_tags, regexp_replace(e.key, '^user[:_]', '') as key, e.value, e.position
    from aws, {{ json_pairs('aws.raw_tags') }} as e
    where {{ is_json('aws.raw_tags') }}
    union all
    select 'azure' as dialect, azure_objects.raw_tags, e.key, e.value, e.position
    from azure_objects, {{ json_pairs('azure_objects.object') }} as e
    where {{ is_json('azure_objects.object') }}
    union all
    select 'focus' as dialect, focus.raw_tags, e.key, e.value, e.position
    from focus, {{ json_pairs('focus.raw_tags') }} as e
    where {{ is_json('focus.raw_tags') }}
    union all
    select
        'gcp' as dialect,
        concat_ws('|', gcp.labels, gcp.project_labels, gcp.tags) as raw_tags,
        e.key, e.value, e.position
    from gcp, {{ json_labels('gcp.labels') }} as e
    where {{ is_json('gcp.labels') }}
    union all
    select
        'gcp' as dialect,
        concat_ws('|', gcp.labels, gcp.project_labels, gcp.tags) as raw_tags,
        'project/' || e.key, e.value, 10000 + e.position
    from gcp, {{ json_labels('gcp.project_labels') }} as e
    where {{ is_json('gcp.project_labels') }}
    union all
    select
        'gcp' as dialect,
        concat_ws('|', gcp.labels, gcp.project_labels, gcp.tags) as raw_tags,
        'tag/' || e.key, e.value, 20000 + e.position
    from gcp, {{ json_labels('gcp.tags') }} as e
    where {{ is_json('gcp.tags') }}
),

first_of_twins as (
    select *
    from pairs
    where key is not null and key <> ''
    qualify row_number() over (partition by dialect, raw_tags, key order by position, value) = 1
)

select
    dialect,
    raw_tags,
    {{ json_object_agg('key', 'value') }} as tags
from first_of_twins
group by dialect, raw_tags
