-- How busy disks and database storage are: reads and writes together. Grain: source × resource × look-back. Both must be measured:
-- NULL is unknown, never 0. Peaks of reads and of writes are added although they may be of other hours: never below the true peak.
select
    usage_source,
    provider,
    resource_key,
    lookback_days,
    max(case when metric = 'disk_read_iops' then peak_value end) + max(case when metric = 'disk_write_iops' then peak_value end) as iops_peak,
    max(case when metric = 'disk_read_iops' then max_day_avg end) * 86400
    + max(case when metric = 'disk_write_iops' then max_day_avg end) * 86400 as operations_day,
    (max(case when metric = 'disk_read_bytes_per_s' then peak_value end) + max(case when metric = 'disk_write_bytes_per_s' then peak_value end))
    / 1048576 as mibps_peak,
    max(case when metric = 'disk_read_iops' then variation end) as variation,
    min(case when metric in ('disk_read_iops', 'disk_write_iops') then hours end) as hours,
    min(case when metric in ('disk_read_iops', 'disk_write_iops') then days end) as days,
    min(completeness) as completeness
from {{ ref('int_optimization__usage') }}
where metric in ('disk_read_iops', 'disk_write_iops', 'disk_read_bytes_per_s', 'disk_write_bytes_per_s')
group by usage_source, provider, resource_key, lookback_days
