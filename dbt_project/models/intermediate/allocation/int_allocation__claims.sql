-- depends_on: {{ ref('int_allocation__months') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_months() }}"
) }}
-- The direct rule that claims a charge. Grain: allocation key × charge date. Unclaimed ones have no row.
-- First by priority, then by how specific the kind of match is. A resource that gets its tag later in the month may
-- give it to its earlier days (policy backfill_same_resource): such a claim is imputed, and ranks behind a real one.
with

policies as (
    select * from {{ ref('int_allocation__policies') }}
),

keys as (
    select * from {{ ref('int_allocation__keys') }}
),

key_days as (
    select distinct
        x_allocation_key,
        charge_date
    from {{ ref('fct_daily_costs') }}
    where {{ in_stale_month('charge_date') }}
),

matches as (
    select
        *,
        -- Order of domain page 4.2, where two kinds of rule have one priority.
        case match_type
            when 'resource' then 1
            when 'tag' then 2
            when 'resource_group' then 4
            when 'account' then 5
            when 'name_pattern' then 6
            else 8
        end as specificity
    from {{ ref('int_allocation__rule_matches') }}
    union all by name
    select * from {{ ref('int_allocation__parent_matches') }}
),

candidates as (
    select
        key_days.x_allocation_key,
        key_days.charge_date,
        matches.rule_id,
        matches.rule_version,
        matches.match_type,
        matches.priority,
        matches.specificity,
        false as is_imputed
    from key_days
    inner join matches
        on
            key_days.x_allocation_key = matches.x_allocation_key
            and key_days.charge_date >= matches.valid_from
            and key_days.charge_date < matches.valid_to
),

tagged_days as (
    select
        keys.resource_id,
        candidates.charge_date,
        date_trunc('month', candidates.charge_date) as charge_month,
        candidates.rule_id,
        candidates.rule_version,
        candidates.priority
    from candidates
    inner join keys on candidates.x_allocation_key = keys.x_allocation_key
    inner join policies on policies.backfills_same_resource
    where candidates.match_type = 'tag' and keys.resource_id is not null
),

imputed as (
    select
        key_days.x_allocation_key,
        key_days.charge_date,
        tagged_days.rule_id,
        tagged_days.rule_version,
        'tag' as match_type,
        tagged_days.priority,
        3 as specificity,
        true as is_imputed
    from tagged_days
    inner join keys on tagged_days.resource_id = keys.resource_id
    inner join key_days
        on
            keys.x_allocation_key = key_days.x_allocation_key
            and tagged_days.charge_month = date_trunc('month', key_days.charge_date)
            and tagged_days.charge_date > key_days.charge_date
    inner join (
        select distinct rule_id, rule_version, claims_from, claims_to from {{ ref('stg_decisions__allocation_rules') }}
    ) as rules
        on
            tagged_days.rule_id = rules.rule_id
            and tagged_days.rule_version = rules.rule_version
            and key_days.charge_date >= rules.claims_from
            and key_days.charge_date < rules.claims_to
    left join (select distinct x_allocation_key, charge_date from candidates where match_type = 'tag') as own
        on key_days.x_allocation_key = own.x_allocation_key and key_days.charge_date = own.charge_date
    where own.x_allocation_key is null
    qualify row_number() over (
        partition by key_days.x_allocation_key, key_days.charge_date
        order by tagged_days.charge_date, tagged_days.priority, tagged_days.rule_id
    ) = 1
)

select
    x_allocation_key,
    charge_date,
    rule_id,
    rule_version,
    match_type,
    is_imputed
from (
    select * from candidates
    union all
    select * from imputed
) as all_candidates
qualify row_number() over (
    partition by x_allocation_key, charge_date order by priority, specificity, rule_id, rule_version
) = 1
