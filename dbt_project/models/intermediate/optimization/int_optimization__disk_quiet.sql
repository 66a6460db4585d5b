-- Disks that are attached to something that runs, and on which nothing is read or written. Grain: resource × rule. A disk of a stopped
-- machine rests with it, and one that a machine starts from is never proposed. A snapshot is taken first, as for unattached disks.
with

stopped as (
    select
        usage_source,
        lower(resource_id) as machine_key
    from {{ ref('int_optimization__resources') }}
    where resource_type = 'vm' and state in ('stopped', 'deallocated')
),

found as (
    select
        resources.*,
        usage.operations_day,
        usage.hours,
        usage.days,
        prices.snapshot_price,
        {{ price_times('prices.snapshot_price', measure('resources.size_gib')) }} as snapshot_cost_month
    from ({{ resources_under('disk_quiet') }}) as resources
    inner join {{ ref('int_optimization__disk_usage') }} as usage
        on
            resources.usage_source = usage.usage_source
            and lower(resources.resource_id) = usage.resource_key
            and resources.lookback_days = usage.lookback_days
    left join stopped
        on resources.usage_source = stopped.usage_source and lower(resources.attached_to) = stopped.machine_key
    left join {{ ref('int_optimization__snapshot_prices') }} as prices
        on
            resources.x_source = prices.x_source
            and resources.region = prices.region_id
            and resources.currency = prices.currency
    where
        resources.attached_count > 0
        and resources.managed_by is null
        and stopped.machine_key is null
        and coalesce({{ json_text('resources.raw', '$.is_boot') }}, 'false') <> 'true'
        and usage.operations_day <= resources.activity_max_day
        and usage.completeness >= resources.min_completeness
        and coalesce(resources.age_days, 0) >= resources.lookback_days
)

select
    {{ candidate_columns({
        'current_config': json_of({
            'storage_type': 'found.storage_type', 'size_gib': 'found.size_gib', 'attached_to': 'found.attached_to'
        }),
        'recommended_config': json_of({'snapshot_first': 'true', 'snapshot_keep_days': 'found.snapshot_keep_days'}),
        'saved_share': '1',
        'ongoing_cost_month': kept_snapshot_month('found'),
        'ongoing_months': ratio('found.snapshot_keep_days * 12', '365'),
        'observed_hours': 'found.hours',
        'expected_hours': '24 * found.lookback_days',
        'history_days': 'found.days',
        'metric_stat': "'largest daily sum'",
        'metrics_factor': '1',
        'variation': '0',
        'is_automatable': 'false',
        'evidence': json_of({
            'operations_of_the_busiest_day': 'found.operations_day',
            'at_most': 'found.activity_max_day',
            'days': 'found.days',
            'size_gib': 'found.size_gib',
            'snapshot_price_gib_month': 'found.snapshot_price',
            'effective_cost_month': 'found.effective_cost_month'
        }),
        'data_gaps': json_words({'price': 'found.currency is null', 'snapshot_price': 'found.snapshot_price is null'})
    }) }}
from found
