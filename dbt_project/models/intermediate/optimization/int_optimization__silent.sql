-- What is paid for by the hour and moved nothing, from the bill: hours on every day of the look-back and not one unit of work, while the same
-- bill does itemise the work of others. A proxy (confidence at most 0.5): metrics say more. Grain: resource × rule × currency.
with

asked as (
    select
        rules.*,
        -- A gateway's bytes, a balancer's units, an endpoint's bytes.
        {{ dbt.split_part('metric', "'/'", 1) }} as hours_kind,
        {{ dbt.split_part('metric', "'/'", 2) }} as work_kind
    from {{ ref('int_optimization__rules') }} as rules
    where rule_kind = 'silent' and profile = 'prod'
),

meters as (
    select * from {{ ref('int_optimization__meters') }} where resource_id is not null
),

hours as (
    select
        provider, x_source, resource_key, currency, region_id as region, meter_kind,
        max(resource_id) as resource_id,
        max(billing_account_id) as billing_account_id,
        max(sub_account_id) as sub_account_id,
        max(tags) as tags,
        max(cost_days) as cost_days,
        {{ days_from('min(first_day)', 'max(last_day)') }} + 1 as billed_days,
        sum(quantity) as hours,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost
    from meters
    where effective_cost > 0
    group by provider, x_source, resource_key, currency, region_id, meter_kind
),

work as (
    select x_source, resource_key, meter_kind, sum(quantity) as quantity
    from meters
    group by x_source, resource_key, meter_kind
    having sum(quantity) > 0
),

itemised as (
    select distinct x_source, meter_kind from work
),

found as (
    select
        hours.*,
        {{ rule_columns('asked') }},
        asked.work_kind,
        clock.run_date,
        cast(null as varchar) as resource_name,
        cast(null as varchar) as environment,
        asked.resource_type,
        {{ per_month('hours.effective_cost', 'hours.cost_days') }} as effective_cost_month,
        {{ per_month('hours.contracted_cost', 'hours.cost_days') }} as contracted_cost_month,
        {{ per_month('hours.list_cost', 'hours.cost_days') }} as list_cost_month
    from hours
    cross join {{ ref('int_optimization__clock') }} as clock
    inner join asked on hours.provider = asked.provider and hours.meter_kind = asked.hours_kind
    inner join itemised on hours.x_source = itemised.x_source and asked.work_kind = itemised.meter_kind
    left join work
        on
            hours.x_source = work.x_source
            and hours.resource_key = work.resource_key
            and asked.work_kind = work.meter_kind
    where work.resource_key is null and hours.billed_days >= asked.lookback_days
)

select
    {{ candidate_columns({
        'current_config': json_of({'hours': 'found.hours'}),
        'recommended_config': json_of({'state': "'deleted'"}),
        'cost_part': 'found.meter_kind',
        'saved_share': '1',
        'is_automatable': 'false',
        'evidence': json_of({
            'hours_billed': 'found.hours',
            'days_billed': 'found.billed_days',
            'days': 'found.lookback_days',
            'work_billed': '0',
            'work_meter': 'found.work_kind',
            'effective_cost_month': 'found.effective_cost_month'
        }),
        'data_gaps': json_words({'metrics': 'true'})
    }) }}
from found
