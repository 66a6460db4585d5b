-- Machines that are quiet on average and busy for moments: a burstable size of the same cores earns credits below its baseline and spends
-- them above. The busiest day's average below the baseline means that no day used more credits than it earned; the peak of a day (p95)
-- may be twice the baseline (domain page 1.4, Azure Advisor). Grain: resource × rule.
with

loaded as (
    select
        resources.*,
        usage.cpu_avg_pct,
        usage.cpu_max_day_avg_pct,
        usage.cpu_p95_pct,
        usage.cpu_variation,
        usage.cpu_hours,
        usage.cpu_days,
        usage.mem_p95_pct,
        usage.mem_peak_pct,
        usage.net_out_peak_bytes_s,
        sizes.vcpu as size_vcpu,
        sizes.memory_gib as size_memory_gib,
        sizes.architecture as size_architecture
    from ({{ resources_under('burstable') }}) as resources
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
        resources.state = 'running'
        and resources.managed_by is null
        and coalesce(resources.purchase_option, 'on_demand') <> 'spot'
        and coalesce(resources.tenancy, 'default') = 'default'
        and coalesce(resources.gpu_count, 0) = 0
        and not sizes.is_burstable
        and not sizes.has_local_disk
        -- Advisor moves no machine that uses accelerated networking.
        and coalesce({{ json_text('resources.raw', '$.accelerated_networking') }}, 'false') <> 'true'
        and usage.cpu_completeness >= resources.min_completeness
        and coalesce(resources.age_days, 0) >= resources.min_age_days
),

found as (
    select
        loaded.*,
        targets.sku as target,
        targets.memory_gib as target_memory_gib,
        baselines.baseline_cpu_pct,
        now_price.unit_price as price_now,
        target_price.unit_price as price_target
    from loaded
    inner join {{ ref('instance_sizes') }} as targets
        on
            loaded.provider = targets.provider
            and loaded.resource_type = targets.resource_type
            and loaded.size_vcpu = targets.vcpu
            and loaded.size_architecture = targets.architecture
            and targets.is_burstable
    inner join {{ ref('burstable_baselines') }} as baselines
        on targets.provider = baselines.provider and targets.sku = baselines.sku
    left join {{ ref('int_optimization__compute_prices') }} as now_price
        on
            loaded.x_source = now_price.x_source
            and loaded.region = now_price.region_id
            and loaded.currency = now_price.currency
            and lower(concat(loaded.sku, loaded.sku_suffix)) = now_price.meter_sku
    left join {{ ref('int_optimization__compute_prices') }} as target_price
        on
            loaded.x_source = target_price.x_source
            and loaded.region = target_price.region_id
            and loaded.currency = target_price.currency
            and lower(concat(targets.sku, loaded.sku_suffix)) = target_price.meter_sku
    where
        loaded.cpu_max_day_avg_pct < baselines.baseline_cpu_pct
        and loaded.cpu_p95_pct < 2 * baselines.baseline_cpu_pct
        -- Unknown memory may not shrink.
        and coalesce(loaded.mem_peak_pct / 100 * (1 + loaded.mem_headroom), 1) * loaded.size_memory_gib <= targets.memory_gib
        and (
            loaded.net_out_peak_bytes_s is null or targets.network_gbps is null
            or loaded.net_out_peak_bytes_s * 8 <= targets.network_gbps * 1000000000
        )
        and (target_price.unit_price is null or now_price.unit_price is null or target_price.unit_price < now_price.unit_price)
    -- The cheapest that is known, else the one with the least memory that is enough.
    qualify row_number() over (
        partition by loaded.usage_source, loaded.resource_id, loaded.rule_id, loaded.currency
        order by target_price.unit_price nulls last, targets.memory_gib, targets.sku
    ) = 1
)

select
    {{ candidate_columns({
        'target': 'found.target',
        'current_config': json_of({
            'sku': 'found.sku', 'vcpu': 'found.size_vcpu', 'memory_gib': 'found.size_memory_gib'
        }),
        'recommended_config': json_of({
            'sku': 'found.target', 'vcpu': 'found.size_vcpu', 'memory_gib': 'found.target_memory_gib'
        }),
        'cost_part': compute_part('found.resource_type'),
        'effective_cost_month': 'found.compute_effective_month',
        'contracted_cost_month': 'found.compute_contracted_month',
        'list_cost_month': 'found.compute_list_month',
        'current_sku': 'concat(found.sku, found.sku_suffix)',
        'target_sku': 'concat(found.target, found.sku_suffix)',
        'observed_hours': 'found.cpu_hours',
        'expected_hours': '24 * found.lookback_days',
        'history_days': 'found.cpu_days',
        'metric_stat': "'largest daily average, p95'",
        'metrics_factor': "case when found.mem_p95_pct is null then 0.5 when found.net_out_peak_bytes_s is null then 0.7 else 0.9 end",
        'variation': 'found.cpu_variation',
        'evidence': json_of({
            'cpu_avg_pct': 'found.cpu_avg_pct',
            'cpu_busiest_day_avg_pct': 'found.cpu_max_day_avg_pct',
            'baseline_cpu_pct': 'found.baseline_cpu_pct',
            'cpu_p95_pct': 'found.cpu_p95_pct',
            'p95_below_pct': '2 * found.baseline_cpu_pct',
            'mem_peak_pct': 'found.mem_peak_pct',
            'price_now': 'found.price_now',
            'price_target': 'found.price_target',
            'compute_effective_month': 'found.compute_effective_month'
        }),
        'data_gaps': json_words({
            'price': 'found.compute_effective_month is null',
            'target_price': 'found.price_target is null',
            'memory': 'found.mem_p95_pct is null',
            'network': 'found.net_out_peak_bytes_s is null'
        })
    }) }}
from found
