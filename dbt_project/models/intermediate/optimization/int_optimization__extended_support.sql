-- What support of old engines costs extra: its own lines of the bill, gone after the upgrade. Grain: resource × rule × currency.
with

lines as (
    select
        provider,
        x_source,
        max(billing_account_id) as billing_account_id,
        max(sub_account_id) as sub_account_id,
        region_id as region,
        coalesce(resource_id, sku_meter) as resource_id,
        currency,
        max(tags) as tags,
        max(cost_days) as cost_days,
        max(meter_sku) as meter_sku,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost
    from {{ ref('int_optimization__meters') }}
    where meter_kind = 'extended_support'
    group by provider, x_source, region_id, coalesce(resource_id, sku_meter), currency
),

found as (
    select
        lines.*,
        {{ rule_columns('rules') }},
        clock.run_date,
        cast(null as varchar) as resource_name,
        cast(null as varchar) as environment,
        'db' as resource_type,
        {{ per_month('lines.effective_cost', 'lines.cost_days') }} as effective_cost_month,
        {{ per_month('lines.contracted_cost', 'lines.cost_days') }} as contracted_cost_month,
        {{ per_month('lines.list_cost', 'lines.cost_days') }} as list_cost_month
    from lines
    cross join {{ ref('int_optimization__clock') }} as clock
    inner join {{ ref('int_optimization__rules') }} as rules
        on lines.provider = rules.provider and rules.rule_kind = 'extended_support' and rules.profile = 'prod'
)

select
    {{ candidate_columns({
        'current_config': json_of({'support': 'found.meter_sku'}),
        'recommended_config': json_of({'engine_version': "'supported'"}),
        'cost_part': "'extended_support'",
        'saved_share': '1',
        'is_automatable': 'false',
        'evidence': json_of({
            'meter': 'found.meter_sku', 'days': 'found.cost_days', 'effective_cost_month': 'found.effective_cost_month'
        })
    }) }}
from found
where found.effective_cost_month > 0
