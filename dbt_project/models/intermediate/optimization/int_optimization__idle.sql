-- Machines that do nothing: processor and network both measured, both quiet. Stopping saves compute only; disks and addresses
-- stay. Grain: resource × rule.
with

found as (
    select
        resources.*,
        usage.cpu_p95_pct,
        usage.cpu_peak_pct,
        usage.cpu_variation,
        usage.cpu_hours,
        usage.cpu_days,
        usage.cpu_completeness,
        usage.mem_p95_pct,
        usage.net_bytes_day
    from ({{ resources_under('idle') }}) as resources
    inner join {{ ref('int_optimization__machine_usage') }} as usage
        on
            resources.usage_source = usage.usage_source
            and lower(resources.resource_id) = usage.resource_key
            and resources.lookback_days = usage.lookback_days
    where
        resources.state = 'running'
        and resources.managed_by is null
        and coalesce(resources.purchase_option, 'on_demand') <> 'spot'
        -- A processor that computes on its accelerator looks idle.
        and coalesce(resources.gpu_count, 0) = 0
)

select
    {{ candidate_columns({
        'current_config': json_of({'sku': 'found.sku', 'state': 'found.state'}),
        'recommended_config': json_of({'state': "'stopped'"}),
        'cost_part': "'vm_compute'",
        'effective_cost_month': 'found.compute_effective_month',
        'contracted_cost_month': 'found.compute_contracted_month',
        'list_cost_month': 'found.compute_list_month',
        'saved_share': '1',
        'observed_hours': 'found.cpu_hours',
        'expected_hours': '24 * found.lookback_days',
        'history_days': 'found.cpu_days',
        'metric_stat': "'p95'",
        'metrics_factor': "case when found.mem_p95_pct is null then 0.7 else 1 end",
        'variation': 'found.cpu_variation',
        'evidence': json_of({
            'cpu_p95_pct': 'found.cpu_p95_pct',
            'cpu_peak_pct': 'found.cpu_peak_pct',
            'cpu_at_most_pct': 'found.cpu_max_pct',
            'net_bytes_day': 'found.net_bytes_day',
            'net_at_most_bytes_day': 'found.net_max_bytes_day',
            'mem_p95_pct': 'found.mem_p95_pct',
            'compute_effective_month': 'found.compute_effective_month'
        }),
        'data_gaps': json_words({
            'price': 'found.compute_effective_month is null', 'memory': 'found.mem_p95_pct is null'
        })
    }) }}
from found
where
    found.cpu_p95_pct <= found.cpu_max_pct
    and found.net_bytes_day <= found.net_max_bytes_day
    and found.cpu_completeness >= found.min_completeness
    and coalesce(found.age_days, 0) >= found.lookback_days
