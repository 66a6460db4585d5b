-- Tag keys and values that look like slips of those that decisions know, with the money behind them.
-- Grain: kind × key × what is written × what may be meant × currency. Nothing here is ever applied: a person who agrees
-- puts alias_row into decisions/tag_aliases.csv.
with

tag_values as (
    select * from {{ ref('int_allocation__tag_values') }}
),

tag_keys as (
    select * from {{ ref('int_tags__keys') }}
),

decided_values as (
    select
        {{ normalized_tag_key('match_key') }} as tag_key,
        min(trim(match_value)) as meant
    from (
        select match_key, match_value from {{ ref('stg_decisions__allocation_rules') }} where match_type = 'tag'
        union all
        select match_key, match_value from {{ ref('stg_decisions__shared_cost_rules') }} where match_type = 'tag'
        union all
        select tag_key, canonical from {{ ref('stg_decisions__tag_aliases') }} where kind = 'value'
    ) as tag_rules
    where right(trim(match_value), 1) <> '*'
    group by {{ normalized_tag_key('match_key') }}, {{ normalized_tag_value('match_value') }}
),

value_pairs as (
    select
        'value' as kind,
        tag_keys.tag_key,
        tag_keys.name,
        written.tag_value as written,
        decided_values.meant,
        {{ normalized_tag_key('written.tag_value') }} as bare_written,
        {{ normalized_tag_key('decided_values.meant') }} as bare_meant
    from {{ ref('int_tags__values') }} as written
    inner join tag_keys on written.tag_key = tag_keys.tag_key
    inner join decided_values on written.tag_key = decided_values.tag_key
    where not written.is_known
),

key_pairs as (
    select
        'key' as kind,
        written.tag_key,
        tag_keys.name,
        written.tag_key as written,
        tag_keys.name as meant,
        written.tag_key as bare_written,
        tag_keys.tag_key as bare_meant
    from (select distinct tag_key from tag_values) as written
    cross join tag_keys
    where written.tag_key not in (select k.tag_key from tag_keys as k)
),

likely as (
    select
        *,
        {{ slips('bare_written', 'bare_meant') }} as distance,
        {{ similarity('bare_written', 'bare_meant') }} as similarity,
        count(*) over (partition by kind, tag_key, written) as candidate_count
    from (
        select * from value_pairs
        union all
        select * from key_pairs
    ) as pairs
    where {{ may_be_a_slip('bare_written', 'bare_meant') }}
),

written_on as (
    select distinct
        likely.kind,
        likely.tag_key,
        likely.written,
        tag_values.tags
    from likely
    inner join tag_values
        on
            likely.tag_key = tag_values.tag_key
            and (likely.kind = 'key' or likely.written = tag_values.tag_value)
),

evidence as (
    select
        written_on.kind,
        written_on.tag_key,
        written_on.written,
        costs.billing_currency as currency,
        min(costs.charge_date) as first_charge_date,
        max(costs.charge_date) as last_charge_date,
        count(distinct costs.resource_id) as resource_count,
        {{ money('sum(costs.effective_cost)') }} as effective_cost,
        {{ money('sum(case when claims.rule_id is null then costs.effective_cost else 0 end)') }} as unclaimed_cost
    from written_on
    inner join {{ ref('fct_daily_costs') }} as costs on written_on.tags = costs.tags
    left join {{ ref('int_allocation__claims') }} as claims
        on costs.x_allocation_key = claims.x_allocation_key and costs.charge_date = claims.charge_date
    group by written_on.kind, written_on.tag_key, written_on.written, costs.billing_currency
)

select
    likely.kind,
    likely.name as tag_key,
    likely.written,
    likely.meant,
    evidence.currency,
    likely.distance,
    likely.similarity,
    likely.candidate_count = 1 as is_unique,
    -- Domain page 4.3: sure enough to be written down without a second look, still by a person.
    likely.candidate_count = 1 and likely.similarity >= 0.95 as is_likely,
    evidence.first_charge_date,
    evidence.last_charge_date,
    evidence.resource_count,
    evidence.effective_cost,
    evidence.unclaimed_cost,
    case likely.kind
        when 'key' then 'key,,' || {{ csv_cell('likely.written') }} || ',' || {{ csv_cell('likely.meant') }}
        else 'value,' || {{ csv_cell('likely.name') }} || ',' || {{ csv_cell('likely.written') }} || ','
            || {{ csv_cell('likely.meant') }}
    end as alias_row
from likely
inner join evidence
    on likely.kind = evidence.kind and likely.tag_key = evidence.tag_key and likely.written = evidence.written
