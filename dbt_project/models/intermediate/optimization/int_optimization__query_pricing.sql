-- A warehouse's queries: priced by what they read, or by slots. Slots are rented in steps and by the hour used:
-- Σ hours ceil(slot hours / step) × step × price (domain page 1.7); reading costs TiB × price. Only where the own bill has the price of the
-- other way, and every hour of the look-back is known. Grain: resource × rule × currency.
with

prices as (
    select
        x_source,
        region_id,
        currency,
        max(case when meter_kind = 'warehouse_queries' then contracted_unit_price end) as tib_price,
        max(case when meter_kind = 'warehouse_slots' then contracted_unit_price end) as slot_price
    from {{ ref('dim_price_observed') }}
    where meter_kind in ('warehouse_queries', 'warehouse_slots') and contracted_unit_price > 0
    group by x_source, region_id, currency
),

asked as (
    select * from ({{ resources_under('query_pricing') }}) as resources
),

used as (
    select
        asked.usage_source,
        asked.resource_id,
        asked.rule_id,
        asked.currency,
        count(distinct metrics.metric_hour) as hours,
        {{ steady('sum(metrics.sum_value)') }} as used_quantity,
        {{ steady('sum(ceil(metrics.sum_value / asked.slot_step) * asked.slot_step)') }} as rented_quantity
    from asked
    inner join {{ ref('stg_usage__metrics') }} as metrics
        on
            asked.usage_source = metrics.usage_source
            and asked.resource_id = metrics.resource_id
            and metrics.day > {{ plus_days('asked.run_date', '-asked.lookback_days') }}
            and metrics.day <= asked.run_date
            and metrics.metric = asked.metric
    group by asked.usage_source, asked.resource_id, asked.rule_id, asked.currency
),

compared as (
    select
        asked.*,
        costs.meter_kind as part,
        used.hours,
        used.used_quantity,
        used.rented_quantity,
        costs.effective_month as part_effective_month,
        costs.contracted_month as part_contracted_month,
        costs.list_month as part_list_month,
        case asked.metric when 'slot_hours' then prices.slot_price else prices.tib_price end as other_price,
        case asked.metric
            when 'slot_hours' then {{ price_times('prices.slot_price', measure('used.rented_quantity')) }}
            else {{ price_times('prices.tib_price', measure('used.used_quantity')) }}
        end as other_cost
    from asked
    inner join used
        on
            asked.usage_source = used.usage_source
            and asked.resource_id = used.resource_id
            and asked.rule_id = used.rule_id
            and asked.currency is not distinct from used.currency
    inner join {{ ref('int_optimization__part_costs') }} as costs
        on
            {{ is_cost_of('costs', 'asked') }}
            and costs.meter_kind = case asked.metric when 'slot_hours' then 'warehouse_queries' else 'warehouse_slots' end
    inner join prices
        on
            asked.x_source = prices.x_source
            and asked.region = prices.region_id
            and asked.currency = prices.currency
    where used.hours >= asked.min_completeness * 24 * asked.lookback_days
),

found as (
    select
        *,
        {{ per_month('other_cost', 'lookback_days') }} as target_month
    from compared
    where other_cost is not null
)

select
    {{ candidate_columns({
        'target': "case found.metric when 'slot_hours' then 'slots' else 'on demand' end",
        'current_config': json_of({'priced_by': "case found.metric when 'slot_hours' then 'bytes read' else 'slots' end"}),
        'recommended_config': json_of({'priced_by': "case found.metric when 'slot_hours' then 'slots' else 'bytes read' end"}),
        'cost_part': 'found.part',
        'effective_cost_month': 'found.part_effective_month',
        'contracted_cost_month': 'found.part_contracted_month',
        'list_cost_month': 'found.part_list_month',
        'target_cost_month': 'found.target_month',
        'observed_hours': 'found.hours',
        'expected_hours': '24 * found.lookback_days',
        'history_days': 'found.lookback_days',
        'metric_stat': "'sum'",
        'metrics_factor': '1',
        'variation': '0',
        'evidence': json_of({
            'metric': 'found.metric',
            'used': 'found.used_quantity',
            'rented': "case when found.metric = 'slot_hours' then found.rented_quantity end",
            'step': "case when found.metric = 'slot_hours' then found.slot_step end",
            'days': 'found.lookback_days',
            'other_price': 'found.other_price',
            'other_cost_month': 'found.target_month',
            'cost_month': 'found.part_contracted_month'
        })
    }) }}
from found
where found.target_month < found.part_contracted_month
