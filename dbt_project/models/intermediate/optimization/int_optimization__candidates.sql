-- What every rule proposes, before prices, commitments and duplicates. Grain: rule × resource × target × currency.
{%- set kinds = [
    'unattached', 'quiet', 'idle', 'stopped', 'schedule', 'rightsize', 'successor', 'spot', 'storage_type', 'disk_type', 'disk_quiet',
    'snapshots', 'snapshots_billed', 'snapshot_tier', 'io_included', 'object_storage', 'function_memory', 'avoidable', 'silent',
    'transfer', 'egress', 'interface_endpoint', 'log_retention', 'lifecycle', 'bucket_leftovers', 'auto_class',
    'burstable', 'burst_surplus', 'licence', 'nodes', 'functions', 'query_pricing', 'data_storage'
] %}
{% for kind in kinds %}
select * from {{ ref('int_optimization__' ~ kind) }}
{%- if not loop.last %}
union all
{% endif %}
{%- endfor %}
