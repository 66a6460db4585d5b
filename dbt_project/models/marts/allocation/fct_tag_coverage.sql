-- How much carries the tags that decisions look at. Grain: billing period × source × provider × currency × tag key.
-- '~any' is one row for all of them: the cost that has at least one. What cannot carry a tag is apart from what lacks it.
with

tag_keys as (
    select tag_key, name from {{ ref('int_tags__keys') }}
),

tagged as (
    select
        tag_values.tags,
        tag_values.tag_key,
        coalesce(known.is_known, false) as is_known
    from {{ ref('int_allocation__tag_values') }} as tag_values
    inner join tag_keys on tag_values.tag_key = tag_keys.tag_key
    left join {{ ref('int_tags__values') }} as known
        on tag_values.tag_key = known.tag_key and tag_values.tag_value = known.tag_value
    where tag_values.tag_value <> ''
),

asked as (
    select tag_key, name, tag_key as covered_by from tag_keys
    union all
    select '~any' as tag_key, '~any' as name, tag_key as covered_by from tag_keys
),

covered as (
    select
        tagged.tags,
        asked.tag_key,
        bool_or(tagged.is_known) as is_known
    from tagged
    inner join asked on tagged.tag_key = asked.covered_by
    group by tagged.tags, asked.tag_key
),

imputable as (
    select tag_key, covered_by from asked
),

costs as (
    select
        months.billing_period,
        months.x_source,
        months.provider,
        months.currency,
        months.resource_id,
        keys.tag_key,
        keys.name,
        months.last_charge_date,
        months.effective_cost,
        case
            when covered.tags is not null then 'tagged'
            when months.untaggable_reason is not null then 'untaggable'
            when imputable.tag_key is not null then 'imputed'
            else 'untagged'
        end as state,
        covered.tags is not null and not covered.is_known as is_unknown_value
    from {{ ref('int_tags__resource_months') }} as months
    cross join (select distinct tag_key, name from asked) as keys
    left join covered on months.tags = covered.tags and keys.tag_key = covered.tag_key
    left join imputable on months.imputed_key = imputable.covered_by and keys.tag_key = imputable.tag_key
),

-- A resource is tagged when it was on the last day it cost anything.
resources as (
    select
        billing_period,
        x_source,
        provider,
        currency,
        tag_key,
        resource_id,
        max(case when state = 'tagged' then last_charge_date end) = max(last_charge_date) as is_tagged
    from costs
    where state <> 'untaggable' and resource_id is not null
    group by billing_period, x_source, provider, currency, tag_key, resource_id
),

counts as (
    select
        billing_period,
        x_source,
        provider,
        currency,
        tag_key,
        count(*) as resource_count,
        sum(case when is_tagged then 1 else 0 end) as tagged_resource_count
    from resources
    group by billing_period, x_source, provider, currency, tag_key
),

sums as (
    select
        billing_period,
        x_source,
        provider,
        currency,
        tag_key,
        name,
        {{ money('sum(effective_cost)') }} as total_cost,
        {{ money("sum(case when state = 'tagged' then effective_cost else 0 end)") }} as tagged_cost,
        {{ money("sum(case when is_unknown_value then effective_cost else 0 end)") }} as unknown_value_cost,
        {{ money("sum(case when state = 'imputed' then effective_cost else 0 end)") }} as imputed_cost,
        {{ money("sum(case when state = 'untagged' then effective_cost else 0 end)") }} as untagged_cost,
        {{ money("sum(case when state = 'untaggable' then effective_cost else 0 end)") }} as untaggable_cost
    from costs
    group by billing_period, x_source, provider, currency, tag_key, name
)

select
    sums.billing_period,
    sums.x_source,
    sums.provider,
    sums.currency,
    sums.name as tag_key,
    sums.total_cost,
    sums.tagged_cost,
    sums.unknown_value_cost,
    sums.imputed_cost,
    sums.untagged_cost,
    sums.untaggable_cost,
    cast(coalesce(counts.resource_count, 0) as bigint) as resource_count,
    cast(coalesce(counts.tagged_resource_count, 0) as bigint) as tagged_resource_count,
    {{ ratio('sums.tagged_cost', '(sums.tagged_cost + sums.imputed_cost + sums.untagged_cost)') }} as coverage_by_cost,
    {{ ratio('counts.tagged_resource_count', 'counts.resource_count') }} as coverage_by_count
from sums
left join counts
    on
        sums.billing_period = counts.billing_period
        and sums.x_source = counts.x_source
        and sums.provider = counts.provider
        and sums.currency = counts.currency
        and sums.tag_key = counts.tag_key
