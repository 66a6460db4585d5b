{# A JSON object of {name: expression}; unknown values are null in it. #}
{% macro json_of(members) -%}
    {{ return(adapter.dispatch('json_of', 'finops')(members)) }}
{%- endmacro %}

{% macro duckdb__json_of(members) -%}
    cast(to_json(struct_pack({% for name, expression in members.items() %}{{ name }} := {{ expression }}{% if not loop.last %}, {% endif %}{% endfor %})) as varchar)
{%- endmacro %}

{# A JSON list of those words whose condition holds: {word: condition}. #}
{% macro json_words(conditions) -%}
    {{ return(adapter.dispatch('json_words', 'finops')(conditions)) }}
{%- endmacro %}

{% macro duckdb__json_words(conditions) -%}
    concat('[', concat_ws(', '{% for word, condition in conditions.items() %}, case when {{ condition }} then '"{{ word }}"' end{% endfor %}), ']')
{%- endmacro %}

{# Money of `days` days as money of a month of 365 / 12 days (730 h), in integers. #}
{% macro per_month(amount, days) -%}
    {{ return(adapter.dispatch('per_month', 'finops')(amount, days)) }}
{%- endmacro %}

{% macro duckdb__per_month(amount, days) -%}
    cast(cast(cast(({{ amount }}) * 1000000000000 as hugeint) * 365 // (12 * nullif({{ days }}, 0)) as decimal(26, 0)) * 0.000000000001 as decimal(28, 12))
{%- endmacro %}

{# A number that is no money (a metric, a size) with six decimals. #}
{% macro measure(expression) -%}
    cast({{ expression }} as decimal(18, 6))
{%- endmacro %}

{# A sum or mean of measurements in twelve digits: in which order rows are added decides the last ones. #}
{% macro steady(expression) -%}
    {{ return(adapter.dispatch('steady', 'finops')(expression)) }}
{%- endmacro %}

{% macro duckdb__steady(expression) -%}
    cast(printf('%.12g', cast({{ expression }} as double)) as double)
{%- endmacro %}

{# Whether a row of part_costs is of a resource. #}
{% macro is_cost_of(costs, resources) -%}
    {{ resources }}.provider = {{ costs }}.provider
            and {{ resources }}.x_source = {{ costs }}.x_source
            and lower({{ resources }}.resource_id) = {{ costs }}.resource_key
            and {{ resources }}.currency = {{ costs }}.currency
{%- endmacro %}

{# Whether a row of meter_kinds says what a charge's meter measures. #}
{% macro is_kind_of(kinds, charges, provider='x_provider') -%}
    {{ charges }}.{{ provider }} = {{ kinds }}.provider
            and {{ charges }}.service_name = {{ kinds }}.service_name
            and {{ charges }}.sku_meter = {{ kinds }}.sku_meter
            and {{ charges }}.charge_description is not distinct from {{ kinds }}.charge_description
{%- endmacro %}

{# Meters of the machine itself, whatever kind of machine it is. #}
{% macro compute_kinds() -%}
    'vm_compute', 'vm_spot', 'vm_credits', 'db_compute', 'cache_compute', 'search_compute'
{%- endmacro %}

{# Which of them a resource of a type is billed by. #}
{% macro compute_part(resource_type) -%}
    case {{ resource_type }}
        when 'db' then 'db_compute' when 'db_pool' then 'db_compute' when 'cache' then 'cache_compute' when 'search' then 'search_compute'
        else 'vm_compute'
    end
{%- endmacro %}

{# Every threshold that a rule can have; the columns of int_optimization__rules. #}
{% macro optimization_thresholds() -%}
    {{ return([
        'enabled', 'lookback_days', 'min_completeness', 'min_age_days', 'min_saving_month', 'fresh_days',
        'min_unattached_days', 'snapshot_keep_days', 'activity_max_day', 'cpu_max_pct', 'mem_max_pct', 'net_max_bytes_day',
        'net_max_bytes_hour', 'min_idle_hours_week', 'fixed_saving_share', 'target_max_pct', 'cpu_headroom', 'mem_headroom',
        'max_steps', 'min_size_gib', 'min_cost_share', 'storage_traffic_share', 'log_keep_days', 'disk_max_pct', 'disk_headroom',
        'cdn_traffic_share', 'service_traffic_share', 'endpoint_zones', 'compute_uplift', 'storage_uplift',
        'licence_cores_min', 'licence_cores_per_core', 'min_idle_share', 'min_nodes', 'slot_step', 'price_ratio', 'used_max_share',
        'free_share', 'min_error_share', 'provisioned_max_pct'
    ]) }}
{%- endmacro %}

{# IOPS or MiB/s that a kind of disk has at a size, without buying more; `kinds` is the seed disk_types. #}
{% macro disk_speed(kinds, speed, gib) -%}
    cast(least({{ kinds }}.max_{{ speed }}, greatest(
        {{ kinds }}.least_{{ speed }}, {{ kinds }}.base_{{ speed }} + {{ kinds }}.{{ speed }}_per_gib * cast({{ gib }} as decimal(12, 4))
    )) as decimal(18, 6))
{%- endmacro %}

{# What a disk's data cost a month after it is deleted: its snapshot, or, where that is dearer or has no price, the disk itself. #}
{% macro kept_snapshot_month(found) -%}
    case when {{ found }}.snapshot_keep_days is null then 0 else
        least({{ found }}.contracted_cost_month, coalesce({{ found }}.snapshot_cost_month, {{ found }}.contracted_cost_month))
    end
{%- endmacro %}

{# `name=value` of each that is set: a threshold that a rule does not have is not part of its version. #}
{% macro settings_of(names, relation) -%}
    {%- set texts = [] -%}
    {%- for name in names -%}
        {%- do texts.append("'" ~ name ~ "=' || cast(" ~ relation ~ "." ~ name ~ " as varchar)") -%}
    {%- endfor -%}
    {{ return(texts) }}
{%- endmacro %}

{# Columns of the inventory: what makes another version of a resource, and what only its last day tells. #}
{% macro inventory_attributes() -%}
    {{ return([
        'provider', 'account_id', 'region', 'resource_id', 'resource_name', 'resource_type', 'native_type', 'state',
        'state_changed_at', 'created_at', 'modified_at', 'detached_at', 'sku', 'vcpu', 'memory_gib', 'architecture',
        'os', 'license_model', 'purchase_option', 'tenancy', 'gpu_count', 'storage_type', 'size_gib',
        'provisioned_iops', 'provisioned_mibps', 'attached_to', 'attached_count', 'healthy_count', 'engine',
        'engine_version', 'is_multi_az', 'replica_of', 'memory_mb', 'storage_class', 'has_lifecycle',
        'retention_days', 'managed_by', 'source_resource_id', 'tags'
    ]) }}
{%- endmacro %}

{% macro inventory_columns() -%}
    {{ return(["usage_source"] + inventory_attributes() + ["last_used_at", "used_gib", "raw"]) }}
{%- endmacro %}

{# What a rule says of itself, and its thresholds. #}
{% macro rule_columns(relation) -%}
    {%- for name in [
        'rule_id', 'rule_version', 'rule_kind', 'metric', 'action_type', 'dimension', 'stack_order', 'signals', 'effort',
        'restart_needed', 'rollback_possible', 'default_performance_risk', 'risk', 'confidence_cap'
    ] + optimization_thresholds() -%}
    {{ relation }}.{{ name }}{{ ", " if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Resources with the rules of one kind that apply to them and their thresholds; stale signals are no evidence. #}
{% macro resources_under(rule_kind) -%}
    select
        resources.*,
        {{ rule_columns('rules') }}
    from {{ ref('int_optimization__resources') }} as resources
    inner join {{ ref('int_optimization__rules') }} as rules
        on
            resources.provider = rules.provider
            and resources.resource_type = rules.resource_type
            and resources.profile = rules.profile
    where rules.rule_kind = '{{ rule_kind }}' and resources.signal_age_days <= rules.fresh_days
{%- endmacro %}

{# The columns of a candidate, typed, from a relation `found` of resources_under(); `given` are those that a rule says itself.
   The contract is int_optimization__candidates. #}
{% macro candidate_columns(given) -%}
    {%- set columns = [
        ('candidate_id', 'varchar', hash_of(['found.rule_id', 'found.rule_version', 'found.provider', 'found.resource_id', "coalesce(" ~ given.get('target', "cast(null as varchar)") ~ ", '-')", "coalesce(found.currency, '-')"])),
        ('rule_id', 'varchar', 'found.rule_id'),
        ('rule_version', 'varchar', 'found.rule_version'),
        ('rule_kind', 'varchar', 'found.rule_kind'),
        ('run_date', 'date', 'found.run_date'),
        ('provider', 'varchar', 'found.provider'),
        ('x_source', 'varchar', 'found.x_source'),
        ('billing_account_id', 'varchar', 'found.billing_account_id'),
        ('sub_account_id', 'varchar', 'found.sub_account_id'),
        ('region_id', 'varchar', 'found.region'),
        ('resource_id', 'varchar', 'found.resource_id'),
        ('resource_name', 'varchar', 'found.resource_name'),
        ('resource_type', 'varchar', 'found.resource_type'),
        ('environment', 'varchar', 'found.environment'),
        ('tags', 'varchar', 'found.tags'),
        ('action_type', 'varchar', 'found.action_type'),
        ('dimension', 'varchar', 'found.dimension'),
        ('stack_order', 'integer', 'found.stack_order'),
        ('current_config', 'varchar', 'null'),
        ('recommended_config', 'varchar', 'null'),
        ('currency', 'varchar', 'found.currency'),
        ('cost_part', 'varchar', "'all'"),
        ('cost_days', 'integer', 'found.cost_days'),
        ('effective_cost_month', 'decimal(28, 12)', 'found.effective_cost_month'),
        ('contracted_cost_month', 'decimal(28, 12)', 'found.contracted_cost_month'),
        ('list_cost_month', 'decimal(28, 12)', 'found.list_cost_month'),
        ('saved_share', 'decimal(18, 12)', 'null'),
        ('target_cost_month', 'decimal(28, 12)', 'null'),
        ('current_sku', 'varchar', 'null'),
        ('target_sku', 'varchar', 'null'),
        ('normalised_ratio', 'decimal(18, 6)', 'null'),
        ('fixed_saving_share', 'decimal(18, 6)', 'null'),
        ('ongoing_cost_month', 'decimal(28, 12)', '0'),
        ('ongoing_months', 'decimal(18, 6)', 'null'),
        ('one_time_cost', 'decimal(28, 12)', '0'),
        ('lookback_days', 'integer', 'found.lookback_days'),
        ('observed_hours', 'bigint', 'null'),
        ('expected_hours', 'bigint', 'null'),
        ('history_days', 'integer', 'null'),
        ('metric_stat', 'varchar', 'null'),
        ('metrics_factor', 'decimal(18, 6)', 'null'),
        ('variation', 'decimal(18, 6)', 'null'),
        ('evidence', 'varchar', 'null'),
        ('signals', 'varchar', 'found.signals'),
        ('effort', 'varchar', 'found.effort'),
        ('restart_needed', 'boolean', 'found.restart_needed'),
        ('rollback_possible', 'boolean', 'found.rollback_possible'),
        ('performance_risk', 'decimal(4, 2)', 'found.default_performance_risk'),
        ('risk', 'varchar', 'found.risk'),
        ('confidence_cap', 'decimal(4, 2)', 'found.confidence_cap'),
        ('is_automatable', 'boolean', "found.signals <> 'B' and found.confidence_cap > 0.5"),
        ('is_upper_bound', 'boolean', 'false'),
        ('min_saving_month', 'decimal(18, 6)', 'found.min_saving_month'),
        ('data_gaps', 'varchar', "'[]'"),
    ] -%}
    {%- for name, type, default in columns %}
    cast({{ given.get(name, default) }} as {{ type }}) as {{ name }}{{ "," if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# 0 for the first hour of Monday to 167 for the last of Sunday, UTC. #}
{% macro hour_of_week(expression) -%}
    {{ return(adapter.dispatch('hour_of_week', 'finops')(expression)) }}
{%- endmacro %}

{% macro duckdb__hour_of_week(expression) -%}
    ((isodow({{ expression }}) - 1) * 24 + hour({{ expression }}))
{%- endmacro %}

{# A value that occurred, at or above the share of all values. #}
{% macro quantile_of(expression, share) -%}
    {{ return(adapter.dispatch('quantile_of', 'finops')(expression, share)) }}
{%- endmacro %}

{% macro duckdb__quantile_of(expression, share) -%}
    quantile_disc({{ expression }}, {{ share }})
{%- endmacro %}

{# The 95th percentile (a value that occurred) of at most 24 hours: the second largest of 20 or more, else the largest. It keeps two
   values per group where a quantile keeps all: a tenth of the memory. #}
{% macro p95_of_hours(expression) -%}
    {{ return(adapter.dispatch('p95_of_hours', 'finops')(expression)) }}
{%- endmacro %}

{% macro default__p95_of_hours(expression) -%}
    {{ quantile_of(expression, 0.95) }}
{%- endmacro %}

{% macro duckdb__p95_of_hours(expression) -%}
    case when count({{ expression }}) < 20 then max({{ expression }}) else max({{ expression }}, 2)[2] end
{%- endmacro %}

{# What usage costs without commitments: the negotiated price after price reductions that come by themselves, such as sustained use.
   Ending it takes no more off the bill. What commitments cover is worth its negotiated price. #}
{% macro cost_without_commitments(charges) -%}
    case
        when {{ charges }}.commitment_discount_id is null and {{ charges }}.effective_cost < {{ charges }}.contracted_cost
            then {{ charges }}.effective_cost
        else {{ charges }}.contracted_cost
    end
{%- endmacro %}

{# What every provider sells alike: the units that workloads are compared in. #}
{% macro migration_components() -%}
    {{ return(['vcpu_hours', 'memory_gib_hours', 'block_gib', 'object_gib', 'egress_gb']) }}
{%- endmacro %}
