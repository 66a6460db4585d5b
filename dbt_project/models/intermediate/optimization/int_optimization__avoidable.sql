-- Lines of the bill that are gone after what they ask for: support of old engines, addresses that are idle, early deletion by a lifecycle
-- that moves or deletes too soon. Grain: resource × rule × currency. The bill itself says what they are: no proxy.
with

lines as (
    select
        provider,
        x_source,
        meter_kind,
        max(billing_account_id) as billing_account_id,
        max(sub_account_id) as sub_account_id,
        region_id as region,
        coalesce(resource_id, sku_meter) as resource_id,
        currency,
        max(tags) as tags,
        max(cost_days) as cost_days,
        max(meter_sku) as meter_sku,
        sum(quantity) as quantity,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost
    from {{ ref('int_optimization__meters') }}
    where meter_kind in (select asked.metric from {{ ref('int_optimization__rules') }} as asked where asked.rule_kind = 'avoidable')
    group by provider, x_source, meter_kind, region_id, coalesce(resource_id, sku_meter), currency
),

found as (
    select
        lines.*,
        {{ rule_columns('rules') }},
        clock.run_date,
        cast(null as varchar) as resource_name,
        cast(null as varchar) as environment,
        rules.resource_type,
        {{ per_month('lines.quantity', 'lines.cost_days') }} as quantity_month,
        {{ per_month('lines.effective_cost', 'lines.cost_days') }} as effective_cost_month,
        {{ per_month('lines.contracted_cost', 'lines.cost_days') }} as contracted_cost_month,
        {{ per_month('lines.list_cost', 'lines.cost_days') }} as list_cost_month
    from lines
    cross join {{ ref('int_optimization__clock') }} as clock
    inner join {{ ref('int_optimization__rules') }} as rules
        on
            lines.provider = rules.provider
            and rules.rule_kind = 'avoidable'
            and lines.meter_kind = rules.metric
            and rules.profile = 'prod'
)

select
    {{ candidate_columns({
        'current_config': json_of({'billed_as': 'found.meter_sku'}),
        'recommended_config': json_of({
            'instead': "case found.metric when 'extended_support' then 'a supported version' when 'ip_idle' then 'released' "
                ~ "else 'a lifecycle that waits for the least duration of the class' end"
        }),
        'cost_part': 'found.metric',
        'saved_share': '1',
        'is_automatable': 'false',
        'evidence': json_of({
            'meter': 'found.meter_sku',
            'days': 'found.cost_days',
            'quantity_month': 'found.quantity_month',
            'effective_cost_month': 'found.effective_cost_month'
        })
    }) }}
from found
where found.effective_cost_month > 0
