-- Machines of development environments that run while nobody works: hours of the week (168) that were idle in every week of the
-- look-back. Grain: resource × rule. The saving is the idle share of the week, of compute only (domain page 1.4, OptScale).
with

machines as (
    select * from ({{ resources_under('schedule') }}) as resources
    where
        state = 'running'
        and managed_by is null
        and coalesce(purchase_option, 'on_demand') <> 'spot'
),

cells as (
    select
        machines.usage_source,
        lower(machines.resource_id) as resource_key,
        machines.rule_id,
        {{ hour_of_week('metrics.metric_hour') }} as hour_of_week,
        count(case when metrics.metric = 'cpu_pct' then 1 end) as cpu_weeks,
        max(case when metrics.metric = 'cpu_pct' then coalesce(metrics.max_value, metrics.avg_value) end) as cpu_peak_pct,
        max(case when metrics.metric = 'net_in_bytes_per_s' then metrics.avg_value end) * 3600
        + max(case when metrics.metric = 'net_out_bytes_per_s' then metrics.avg_value end) * 3600 as net_bytes_hour,
        max(machines.cpu_max_pct) as cpu_max_pct,
        max(machines.net_max_bytes_hour) as net_max_bytes_hour
    from machines
    inner join {{ ref('stg_usage__metrics') }} as metrics
        on
            machines.usage_source = metrics.usage_source
            and machines.resource_id = metrics.resource_id
            and metrics.day > {{ plus_days('machines.run_date', '-machines.lookback_days') }}
            and metrics.day <= machines.run_date
    where metrics.metric in ('cpu_pct', 'net_in_bytes_per_s', 'net_out_bytes_per_s')
    group by all
),

weeks as (
    select
        usage_source,
        resource_key,
        rule_id,
        count(case when cpu_peak_pct <= cpu_max_pct and net_bytes_hour <= net_max_bytes_hour then 1 end) as idle_hours,
        count(net_bytes_hour) as measured_hours,
        sum(cpu_weeks) as hours
    from cells
    group by usage_source, resource_key, rule_id
),

found as (
    select
        machines.*,
        weeks.idle_hours,
        weeks.hours
    from machines
    inner join weeks
        on
            machines.usage_source = weeks.usage_source
            and lower(machines.resource_id) = weeks.resource_key
            and machines.rule_id = weeks.rule_id
    where
        -- All week idle is another rule's case; an hour that was never measured is unknown, so all 168 must be.
        weeks.measured_hours = 168
        and weeks.idle_hours < 168
        and weeks.idle_hours >= machines.min_idle_hours_week
        and weeks.hours >= machines.min_completeness * 24 * machines.lookback_days
)

select
    {{ candidate_columns({
        'current_config': json_of({'sku': 'found.sku', 'hours_week': '168'}),
        'recommended_config': json_of({'hours_week': '168 - found.idle_hours'}),
        'cost_part': "'vm_compute'",
        'effective_cost_month': 'found.compute_effective_month',
        'contracted_cost_month': 'found.compute_contracted_month',
        'list_cost_month': 'found.compute_list_month',
        'saved_share': share_of('found.idle_hours', '168'),
        'observed_hours': 'found.hours',
        'expected_hours': '24 * found.lookback_days',
        'history_days': 'found.lookback_days',
        'metric_stat': "'peak of each hour of the week'",
        'metrics_factor': '0.7',
        'variation': '0',
        'evidence': json_of({
            'idle_hours_week': 'found.idle_hours',
            'cpu_at_most_pct': 'found.cpu_max_pct',
            'net_at_most_bytes_hour': 'found.net_max_bytes_hour',
            'compute_effective_month': 'found.compute_effective_month'
        }),
        'data_gaps': json_words({'price': 'found.compute_effective_month is null'})
    }) }}
from found
