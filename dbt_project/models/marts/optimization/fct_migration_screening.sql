-- What a workload would cost elsewhere, from prices of the own bills: a screening, never an action. Grain: workload × place now × place then.
-- Net = its cost now of what has an equivalent − the same there − traffic that leaves the place − commitments that stay behind.
{%- set hour = var('hour_of_work', '') %}
{%- set work = money("efforts.effort_hours * cast('" ~ hour ~ "' as decimal(16, 4))") if hour else 'cast(null as decimal(28, 12))' %}
with

workloads as (
    select
        workload,
        provider,
        x_source,
        region_id,
        currency,
        {{ money('sum(effective_cost_month)') }} as effective_cost,
        {{ money("sum(case when component not in ('other', 'internal_gb') then effective_cost_month else 0 end)") }} as comparable_cost,
        sum(case when component in ('block_gib', 'object_gib') then quantity_month else 0 end) as stored_gib,
        sum(case when component = 'internal_gb' then quantity_month end) as internal_gb,
        {%- for component in migration_components() %}
        coalesce(sum(case when component = '{{ component }}' then quantity_month end), 0) as {{ component }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('int_migration__usage') }}
    group by workload, provider, x_source, region_id, currency
),

-- Traffic is billed in few regions: the dearest price of the bill stands for those without one.
egress as (
    select x_source, currency, max(unit_price) as price
    from {{ ref('int_migration__prices') }}
    where component = 'egress_gb'
    group by x_source, currency
),

places as (
    select
        prices.provider,
        prices.x_source,
        prices.region_id,
        prices.currency,
        {%- for component in migration_components() if component != 'egress_gb' %}
        max(case when prices.component = '{{ component }}' then prices.unit_price end) as price_{{ component }},
        {%- endfor %}
        coalesce(max(case when prices.component = 'egress_gb' then prices.unit_price end), max(egress.price)) as price_egress_gb
    from {{ ref('int_migration__prices') }} as prices
    left join egress on prices.x_source = egress.x_source and prices.currency = egress.currency
    where prices.region_id is not null
    group by prices.provider, prices.x_source, prices.region_id, prices.currency
),

-- Where a workload may run, by law and by latency, is decided by people: what nobody allows is not looked at.
allowed as (
    select
        workloads.*,
        places.provider as target_provider,
        places.x_source as target_source,
        places.region_id as target_region_id,
        places.currency as target_currency,
        {%- for component in migration_components() %}
        places.price_{{ component }},
        {%- endfor %}
        here.price_egress_gb as price_egress_here,
        decided.note as allowed_because
    from workloads
    inner join places on workloads.x_source <> places.x_source or workloads.region_id <> places.region_id
    inner join {{ ref('stg_decisions__workload_places') }} as decided
        on
            {{ rule_matches('workloads.workload', 'lower(decided.workload)') }}
            and places.provider = lower(decided.provider)
            and {{ rule_matches('places.region_id', 'decided.region') }}
    left join places as here
        on
            workloads.x_source = here.x_source
            and workloads.region_id = here.region_id
            and workloads.currency = here.currency
    where workloads.provider <> places.provider or workloads.region_id <> places.region_id
    qualify row_number() over (
        partition by workloads.workload, workloads.x_source, workloads.region_id, workloads.currency,
            places.x_source, places.region_id, places.currency
        order by length(decided.workload) desc, length(decided.region) desc
    ) = 1
),

priced as (
    select
        allowed.*,
        rates.rate as rate_now,
        target_rates.rate as rate_then,
        coalesce(stranded.stranded_month, 0) as stranded,
        case when coalesce(allowed.internal_gb, 0) = 0 then 0 else {{ money('allowed.internal_gb * allowed.price_egress_here') }} end
            as between_places,
        case when allowed.stored_gib = 0 then 0 else {{ money('allowed.stored_gib * allowed.price_egress_here') }} end as moving_data,
        {{ ratio('allowed.comparable_cost', 'allowed.effective_cost') }} as comparable_share,
        {%- for component in migration_components() %}
        {{ "" if loop.first else "+ " }}case when allowed.{{ component }} = 0 then 0
            else {{ price_times('allowed.price_' ~ component, 'allowed.' ~ component) }} end
        {%- endfor %} as target_cost,
        {%- for component in migration_components() %}
        {{ "" if loop.first else "or " }}(allowed.{{ component }} > 0 and allowed.price_{{ component }} is null)
        {%- endfor %} as lacks_price
    from allowed
    left join {{ ref('int_currency__newest_rates') }} as rates on allowed.currency = rates.from_currency
    left join {{ ref('int_currency__newest_rates') }} as target_rates on allowed.target_currency = target_rates.from_currency
    left join {{ ref('int_migration__stranded') }} as stranded
        on
            allowed.workload = stranded.workload
            and allowed.x_source = stranded.x_source
            and allowed.region_id = stranded.region_id
            and allowed.currency = stranded.currency
),

converted as (
    select
        *,
        {{ money('effective_cost * rate_now') }} as effective_cost_month,
        {{ money('comparable_cost * rate_now') }} as comparable_cost_month,
        case when not lacks_price then {{ money('target_cost * rate_then') }} end as target_cost_month,
        {{ money('between_places * rate_now') }} as transfer_between_month,
        {{ money('stranded * rate_now') }} as stranded_commitment_month,
        {{ money('moving_data * rate_now') }} as one_time_cost
    from priced
),

netted as (
    select
        *,
        {{ money('comparable_cost_month - target_cost_month - transfer_between_month - stranded_commitment_month') }}
            as net_saving_month
    from converted
)

select
    {{ hash_of(['workload', 'x_source', 'region_id', 'currency', 'target_source', 'target_region_id', 'target_currency']) }} as screening_id,
    clock.run_date,
    netted.workload,
    netted.provider,
    netted.x_source,
    netted.region_id,
    netted.target_provider,
    netted.target_source,
    netted.target_region_id,
    cast('{{ var("reporting_currency") }}' as varchar) as currency,
    netted.effective_cost_month,
    netted.comparable_cost_month,
    cast(netted.comparable_share as decimal(18, 6)) as comparable_share,
    netted.target_cost_month,
    netted.transfer_between_month,
    netted.stranded_commitment_month,
    netted.net_saving_month,
    netted.one_time_cost,
    cast(efforts.effort_hours as decimal(18, 2)) as effort_hours,
    {{ work }} as work_cost,
    case when netted.net_saving_month > 0 then {{ ratio('netted.one_time_cost + coalesce(' ~ work ~ ', 0)', 'netted.net_saving_month') }} end
        as payback_months,
    case
        when netted.net_saving_month is null then 'no_price'
        when netted.comparable_share < 0.8 then 'services_without_equivalent'
        when netted.net_saving_month > 0 then 'worth_a_look'
        else 'dearer_there'
    end as status,
    cast(0.5 * greatest(least(netted.comparable_share, 1), 0) as decimal(4, 2)) as confidence,
    false as is_automatable,
    {{ json_of({
        'vcpu_hours': 'netted.vcpu_hours', 'price_vcpu_hour': 'netted.price_vcpu_hours',
        'memory_gib_hours': 'netted.memory_gib_hours', 'price_memory_gib_hour': 'netted.price_memory_gib_hours',
        'block_gib': 'netted.block_gib', 'price_block_gib': 'netted.price_block_gib',
        'object_gib': 'netted.object_gib', 'price_object_gib': 'netted.price_object_gib',
        'egress_gb': 'netted.egress_gb', 'price_egress_gb': 'netted.price_egress_gb',
        'price_currency': 'netted.target_currency', 'rate_then': 'netted.rate_then', 'rate_now': 'netted.rate_now',
        'internal_gb': 'netted.internal_gb', 'price_egress_here': 'netted.price_egress_here',
        'stored_gib': 'netted.stored_gib', 'allowed_because': 'netted.allowed_because'
    }) }} as evidence,
    {{ json_words({
        'target_price': 'netted.target_cost_month is null',
        'egress_price': 'netted.price_egress_here is null',
        'internal_traffic': 'netted.internal_gb is null',
        'exchange_rate': 'netted.rate_now is null or netted.rate_then is null'
    }) }} as data_gaps
from netted
cross join {{ ref('int_optimization__clock') }} as clock
inner join {{ ref('effort_levels') }} as efforts on efforts.effort = 'High'
