-- Licences that are paid with a resource although the company owns some: Windows, SQL Server, Linux subscriptions. What is owned is a
-- decision (licence_entitlements); a core is promised once, after what resources with own licences already take, first to where it
-- saves most. Without a decision nothing is said. The bill proves that a licence is paid: its own line, or the price of a machine with
-- the system in it, which costs what the same size costs without. Grain: resource × rule × currency.
with recursive

lines as (
    select
        provider,
        resource_key,
        x_source,
        currency,
        meter_kind as cost_part,
        max(meter_sku) as meter_sku,
        max(cost_days) as cost_days,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost
    from {{ ref('int_optimization__meters') }}
    where
        resource_key is not null
        and (starts_with(meter_kind, 'licence_') or (meter_kind = 'vm_compute' and meter_sku like '% Windows'))
    group by provider, resource_key, x_source, currency, meter_kind
),

resources as (
    select
        resources.*,
        case
            when resources.metric = 'linux' then resources.os
            when
                resources.metric = 'sql_server'
                and {{ matches_pattern("concat_ws(' ', resources.engine, resources.sku)", "'enterprise|bc_|business'") }}
                then 'sql_server_enterprise'
            when resources.metric = 'sql_server' then 'sql_server_standard'
            else resources.metric
        end as licence,
        -- A machine's own licence is that of its system; its database says it in its own field.
        coalesce(
            case
                when resources.metric = 'sql_server' and resources.resource_type = 'vm'
                    then {{ json_text('resources.raw', '$.sql_license_model') }}
                else resources.license_model
            end, 'included'
        ) as licence_model,
        cast(ceil(greatest(
            coalesce(resources.vcpu, sizes.vcpu) * resources.licence_cores_per_core, resources.licence_cores_min
        )) as integer) as cores_needed
    from ({{ resources_under('licence') }}) as resources
    left join {{ ref('instance_sizes') }} as sizes
        on
            resources.provider = sizes.provider
            and resources.resource_type = sizes.resource_type
            and resources.sku = sizes.sku
    where coalesce(resources.vcpu, sizes.vcpu) is not null
),

taken as (
    select licence, sum(cores_needed) as cores_taken
    from (
        select distinct usage_source, resource_id, licence, cores_needed from resources where licence_model = 'byol'
    ) as own
    group by licence
),

owned as (
    select
        entitlements.licence,
        sum(entitlements.cores) as cores_owned,
        cast(greatest(sum(entitlements.cores) - coalesce(max(taken.cores_taken), 0), 0) as integer) as cores_free
    from {{ ref('stg_decisions__licence_entitlements') }} as entitlements
    cross join {{ ref('int_optimization__clock') }} as clock
    left join taken on entitlements.licence = taken.licence
    where clock.run_date >= entitlements.valid_from and clock.run_date < entitlements.valid_to
    group by entitlements.licence
),

-- A core for a machine that should be stopped would be wasted.
stopping as (
    select distinct lower(resource_id) as resource_key from {{ ref('int_optimization__idle') }}
    union
    select distinct lower(resource_id) as resource_key from {{ ref('int_optimization__stopped') }}
    union
    select distinct lower(resource_id) as resource_key from {{ ref('int_optimization__quiet') }}
),

paid as (
    select
        resources.*,
        lines.cost_part,
        lines.cost_days as licence_days,
        {{ per_month('lines.effective_cost', 'lines.cost_days') }} as part_effective_month,
        {{ per_month('lines.contracted_cost', 'lines.cost_days') }} as part_contracted_month,
        {{ per_month('lines.list_cost', 'lines.cost_days') }} as part_list_month,
        owned.cores_owned,
        owned.cores_free,
        with_licence.unit_price as price_with,
        without.unit_price as price_without
    from resources
    inner join owned on resources.licence = owned.licence and resources.cores_needed <= owned.cores_free
    inner join lines
        on
            resources.provider = lines.provider
            and resources.x_source = lines.x_source
            and lower(resources.resource_id) = lines.resource_key
            and resources.currency = lines.currency
            and (
                lines.cost_part = concat('licence_', case when resources.metric = 'linux' then resources.os else resources.metric end)
                or (lines.cost_part = 'vm_compute' and resources.metric = 'windows_server')
            )
    left join {{ ref('int_optimization__compute_prices') }} as with_licence
        on
            lines.x_source = with_licence.x_source
            and resources.region = with_licence.region_id
            and lines.currency = with_licence.currency
            and lower(lines.meter_sku) = with_licence.meter_sku
    left join {{ ref('int_optimization__compute_prices') }} as without
        on
            lines.x_source = without.x_source
            and resources.region = without.region_id
            and lines.currency = without.currency
            and lower(replace(lines.meter_sku, ' Windows', '')) = without.meter_sku
    left join stopping on lower(resources.resource_id) = stopping.resource_key
    where
        resources.licence_model = 'included'
        and coalesce(resources.state, 'running') not in ('stopped', 'deallocated')
        and stopping.resource_key is null
    -- Paid both ways (with the machine's price, and by a line for hours that a commitment covers): the larger part.
    qualify row_number() over (
        partition by resources.usage_source, resources.resource_id, resources.rule_id, resources.currency
        order by part_contracted_month desc, lines.cost_part
    ) = 1
),

queued as (
    select
        *,
        case when cost_part = 'vm_compute'
            then {{ money('part_contracted_month * ' ~ ratio('price_without', 'price_with')) }} else 0 end as left_month
    from paid
),

queue as (
    select
        *,
        row_number() over (
            partition by licence
            order by (part_contracted_month - left_month) / cores_needed desc nulls last, resource_id asc, currency asc
        ) as place
    from queued
    where left_month is null or left_month < part_contracted_month
),

-- One after the other, as long as the cores last; what does not fit makes room for the next that does.
given as (
    select licence, cast(0 as bigint) as place, cores_free as cores_before, cores_free as cores_left, false as is_given from owned
    union all
    select
        given.licence,
        queue.place,
        given.cores_left as cores_before,
        case when queue.cores_needed <= given.cores_left then given.cores_left - queue.cores_needed else given.cores_left end
            as cores_left,
        queue.cores_needed <= given.cores_left as is_given
    from given
    inner join queue on given.licence = queue.licence and queue.place = given.place + 1
),

found as (
    select
        queue.*,
        given.cores_before,
        given.cores_left
    from queue
    inner join given on queue.licence = given.licence and queue.place = given.place and given.is_given
)

select
    {{ candidate_columns({
        'target': 'found.licence',
        'current_config': json_of({'licence': 'found.licence', 'licence_model': "'included'"}),
        'recommended_config': json_of({'licence': 'found.licence', 'licence_model': "'own'"}),
        'cost_part': 'found.cost_part',
        'cost_days': 'found.licence_days',
        'effective_cost_month': 'found.part_effective_month',
        'contracted_cost_month': 'found.part_contracted_month',
        'list_cost_month': 'found.part_list_month',
        'saved_share': "case when found.cost_part <> 'vm_compute' then 1 end",
        'target_cost_month': "case when found.cost_part = 'vm_compute' then found.left_month end",
        'evidence': json_of({
            'licence': 'found.licence',
            'cores_needed': 'found.cores_needed',
            'at_least_cores': 'found.licence_cores_min',
            'cores_owned': 'found.cores_owned',
            'cores_free_before': 'found.cores_before',
            'cores_free_after': 'found.cores_left',
            'price_with_licence': "case when found.cost_part = 'vm_compute' then found.price_with end",
            'price_without': "case when found.cost_part = 'vm_compute' then found.price_without end",
            'paid_month': 'found.part_contracted_month',
            'left_month': 'found.left_month'
        }),
        'data_gaps': json_words({'target_price': 'found.left_month is null'})
    }) }}
from found
