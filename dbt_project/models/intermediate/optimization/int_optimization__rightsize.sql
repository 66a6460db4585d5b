-- Machines and databases larger than their load: the smallest size of the same family that still holds the peak with headroom.
-- Grain: resource × rule. Unknown memory may not shrink; in production one step at a time.
with

loaded as (
    select
        resources.*,
        usage.cpu_p95_pct,
        usage.cpu_peak_pct,
        usage.cpu_variation,
        usage.cpu_hours,
        usage.cpu_days,
        usage.mem_p95_pct,
        usage.mem_peak_pct,
        usage.net_bytes_day,
        usage.net_out_peak_bytes_s,
        usage.iops_peak,
        sizes.family,
        sizes.normalised_units,
        sizes.vcpu as size_vcpu,
        sizes.memory_gib as size_memory_gib
    from ({{ resources_under('rightsize') }}) as resources
    inner join {{ ref('int_optimization__machine_usage') }} as usage
        on
            resources.usage_source = usage.usage_source
            and lower(resources.resource_id) = usage.resource_key
            and resources.lookback_days = usage.lookback_days
    inner join {{ ref('instance_sizes') }} as sizes
        on
            resources.provider = sizes.provider
            and resources.resource_type = sizes.resource_type
            and resources.sku = sizes.sku
    where
        resources.state in ('running', 'available', 'active')
        and resources.managed_by is null
        and coalesce(resources.purchase_option, 'on_demand') <> 'spot'
        and coalesce(resources.tenancy, 'default') = 'default'
        and coalesce(resources.gpu_count, 0) = 0
        and not sizes.is_burstable
        and usage.cpu_completeness >= resources.min_completeness
        and usage.cpu_p95_pct < resources.cpu_max_pct
        and (usage.mem_p95_pct is null or resources.mem_max_pct is null or usage.mem_p95_pct < resources.mem_max_pct)
        and coalesce(resources.age_days, 0) >= resources.min_age_days
        and (
            resources.modified_at is null
            or {{ days_from('cast(resources.modified_at as date)', 'resources.run_date') }} >= resources.min_age_days
        )
),

options as (
    select
        loaded.*,
        smaller.sku as target,
        smaller.vcpu as target_vcpu,
        smaller.memory_gib as target_memory_gib,
        smaller.normalised_units as target_units,
        smaller.network_gbps as target_network_gbps,
        smaller.baseline_iops as target_iops,
        -- The peak of every hour stands for the 99.5th percentile: never below it.
        loaded.cpu_peak_pct * loaded.size_vcpu / smaller.vcpu as cpu_on_target_pct,
        loaded.mem_peak_pct * loaded.size_memory_gib / smaller.memory_gib as mem_on_target_pct,
        row_number() over (
            partition by loaded.usage_source, loaded.resource_id, loaded.rule_id, loaded.currency
            order by smaller.normalised_units desc
        ) as steps
    from loaded
    inner join {{ ref('instance_sizes') }} as smaller
        on
            loaded.provider = smaller.provider
            and loaded.resource_type = smaller.resource_type
            and loaded.family = smaller.family
            and smaller.normalised_units < loaded.normalised_units
),

found as (
    select
        *,
        greatest(
            0, 4 * (cpu_on_target_pct / 100 - 0.6) / 0.4, coalesce(4 * (mem_on_target_pct / 100 - 0.6) / 0.4, 0)
        ) as risk_on_target
    from options
    where
        cpu_on_target_pct <= target_max_pct
        and cpu_peak_pct / 100 * size_vcpu * (1 + cpu_headroom) <= target_vcpu
        and (
            mem_peak_pct / 100 * size_memory_gib * (1 + mem_headroom) <= target_memory_gib
            or (mem_peak_pct is null and target_memory_gib >= size_memory_gib)
            -- A database's cache fills whatever memory there is: its rule has no threshold for it.
            or mem_max_pct is null
        )
        and (iops_peak is null or target_iops is null or iops_peak <= target_iops)
        and (
            net_out_peak_bytes_s is null or target_network_gbps is null
            or net_out_peak_bytes_s * 8 <= target_network_gbps * 1000000000
        )
        and steps <= max_steps
    qualify row_number() over (
        partition by usage_source, resource_id, rule_id, currency order by target_units
    ) = 1
)

select
    {{ candidate_columns({
        'target': 'found.target',
        'current_config': json_of({
            'sku': 'found.sku', 'vcpu': 'found.size_vcpu', 'memory_gib': 'found.size_memory_gib'
        }),
        'recommended_config': json_of({
            'sku': 'found.target', 'vcpu': 'found.target_vcpu', 'memory_gib': 'found.target_memory_gib'
        }),
        'cost_part': compute_part('found.resource_type'),
        'effective_cost_month': 'found.compute_effective_month',
        'contracted_cost_month': 'found.compute_contracted_month',
        'list_cost_month': 'found.compute_list_month',
        'current_sku': 'concat(found.sku, found.sku_suffix)',
        'target_sku': 'concat(found.target, found.sku_suffix)',
        'normalised_ratio': ratio('found.target_units', 'found.normalised_units'),
        'observed_hours': 'found.cpu_hours',
        'expected_hours': '24 * found.lookback_days',
        'history_days': 'found.cpu_days',
        'metric_stat': "'p95, peak on target'",
        'metrics_factor': "case when found.mem_p95_pct is null then 0.5 when found.iops_peak is null then 0.9 else 1 end",
        'variation': 'found.cpu_variation',
        'performance_risk': 'least(4, found.risk_on_target)',
        'evidence': json_of({
            'cpu_p95_pct': 'found.cpu_p95_pct',
            'cpu_below_pct': 'found.cpu_max_pct',
            'cpu_peak_pct': 'found.cpu_peak_pct',
            'cpu_on_target_pct': 'found.cpu_on_target_pct',
            'target_at_most_pct': 'found.target_max_pct',
            'mem_p95_pct': 'found.mem_p95_pct',
            'mem_below_pct': 'found.mem_max_pct',
            'mem_peak_pct': 'found.mem_peak_pct',
            'mem_on_target_pct': 'found.mem_on_target_pct',
            'iops_peak': 'found.iops_peak',
            'normalised_units': 'found.normalised_units',
            'target_units': 'found.target_units',
            'compute_effective_month': 'found.compute_effective_month'
        }),
        'data_gaps': json_words({
            'price': 'found.compute_effective_month is null',
            'memory': 'found.mem_p95_pct is null',
            'disk': 'found.iops_peak is null'
        })
    }) }}
from found
