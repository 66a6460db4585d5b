-- The metrics of machines and databases side by side. Grain: source × resource × look-back. NULL is unknown, never 0.
-- A database that is sold by units of throughput has no processor of its own: how full those are (processor, data or log, whichever
-- is fullest) stands for it.
with

usage as (
    select
        *,
        case metric when 'dtu_pct' then 'cpu_pct' else metric end as load_metric
    from {{ ref('int_optimization__usage') }}
    qualify row_number() over (
        partition by usage_source, resource_key, lookback_days, case metric when 'dtu_pct' then 'cpu_pct' else metric end
        order by metric desc
    ) = 1
)

select
    usage_source,
    provider,
    resource_key,
    lookback_days,
    max(case when load_metric = 'cpu_pct' then p95_value end) as cpu_p95_pct,
    max(case when load_metric = 'cpu_pct' then peak_value end) as cpu_peak_pct,
    max(case when load_metric = 'cpu_pct' then avg_value end) as cpu_avg_pct,
    max(case when load_metric = 'cpu_pct' then max_day_avg end) as cpu_max_day_avg_pct,
    max(case when load_metric = 'cpu_pct' then variation end) as cpu_variation,
    max(case when load_metric = 'cpu_pct' then hours end) as cpu_hours,
    max(case when load_metric = 'cpu_pct' then days end) as cpu_days,
    max(case when load_metric = 'cpu_pct' then completeness end) as cpu_completeness,
    max(case when load_metric = 'mem_used_pct' and completeness >= 0.9 then p95_value end) as mem_p95_pct,
    max(case when load_metric = 'mem_used_pct' and completeness >= 0.9 then peak_value end) as mem_peak_pct,
    -- Of the busiest day: its average of bytes per second times 86,400 s.
    max(case when load_metric = 'net_in_bytes_per_s' and completeness >= 0.9 then max_day_avg end) * 86400
    + max(case when load_metric = 'net_out_bytes_per_s' and completeness >= 0.9 then max_day_avg end) * 86400 as net_bytes_day,
    max(case when load_metric = 'net_out_bytes_per_s' and completeness >= 0.9 then peak_value end) as net_out_peak_bytes_s,
    max(case when load_metric = 'net_in_bytes_per_s' and completeness >= 0.9 then peak_value end) as net_in_peak_bytes_s,
    max(case when load_metric = 'disk_read_iops' and completeness >= 0.9 then peak_value end)
    + max(case when load_metric = 'disk_write_iops' and completeness >= 0.9 then peak_value end) as iops_peak
from usage
where
    load_metric in (
        'cpu_pct', 'mem_used_pct', 'net_in_bytes_per_s', 'net_out_bytes_per_s', 'disk_read_iops', 'disk_write_iops'
    )
group by usage_source, provider, resource_key, lookback_days
