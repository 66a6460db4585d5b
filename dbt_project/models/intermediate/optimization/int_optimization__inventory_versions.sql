-- Resources as slowly changing history: one row as long as nothing about a resource changed. Grain: source × resource × valid_from.
-- A day on which a place could not be looked at neither ends a resource nor begins one.
with

days as (
    select
        *,
        {{ row_hash(inventory_attributes()) }} as attributes_hash
    from {{ ref('stg_usage__inventory') }}
),

compared as (
    select
        *,
        lag(attributes_hash) over (partition by usage_source, resource_id order by day) as previous_hash,
        max(case when attached_count > 0 then day end) over (partition by usage_source, resource_id) as last_attached_day
    from days
),

numbered as (
    select
        *,
        sum(case when previous_hash is null or previous_hash <> attributes_hash then 1 else 0 end) over (
            partition by usage_source, resource_id order by day rows between unbounded preceding and current row
        ) as version_number
    from compared
),

versions as (
    select
        usage_source,
        resource_id,
        version_number,
        min(day) as valid_from,
        max(day) as last_seen_day
    from numbered
    group by usage_source, resource_id, version_number
),

followed as (
    select
        *,
        lead(valid_from) over (partition by usage_source, resource_id order by valid_from) as next_from
    from versions
),

-- Where a resource was last seen, was that place looked at again without finding it?
missed as (
    select
        followed.usage_source,
        followed.resource_id,
        min(looks.day) as gone_on
    from followed
    inner join numbered
        on
            followed.usage_source = numbered.usage_source
            and followed.resource_id = numbered.resource_id
            and followed.last_seen_day = numbered.day
    inner join {{ ref('stg_usage__collection') }} as looks
        on
            followed.usage_source = looks.usage_source
            and looks.day > followed.last_seen_day
            and looks.status = 'ok'
            and looks.account_id in ('*', numbered.account_id)
            and looks.region in ('*', numbered.region)
            and looks.signal in ('*', numbered.resource_type)
    where followed.next_from is null
    group by followed.usage_source, followed.resource_id
),

unattached as (
    select
        usage_source,
        resource_id,
        min(day) as unattached_since
    from numbered
    where attached_count = 0 and (last_attached_day is null or day > last_attached_day)
    group by usage_source, resource_id
)

select
    {%- for name in inventory_columns() %}
    numbered.{{ name }},
    {%- endfor %}
    followed.valid_from,
    coalesce(followed.next_from, missed.gone_on) as valid_to,
    followed.last_seen_day,
    followed.next_from is null and missed.gone_on is null as is_current,
    unattached.unattached_since
from followed
inner join numbered
    on
        followed.usage_source = numbered.usage_source
        and followed.resource_id = numbered.resource_id
        and followed.last_seen_day = numbered.day
left join missed
    on followed.usage_source = missed.usage_source and followed.resource_id = missed.resource_id
left join unattached
    on followed.usage_source = unattached.usage_source and followed.resource_id = unattached.resource_id
