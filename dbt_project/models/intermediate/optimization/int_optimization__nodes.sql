-- Nodes of a cluster's group that its pods do not need: what pods are allocated is the larger of what they ask for and what they use
-- (domain page 1.5.16), the busiest hours (p95) with headroom must fit the nodes that stay. Named are the emptiest nodes; a node that was not
-- measured makes its whole group unknown. Grain: node × rule × currency.
with

members as (
    select
        resources.*,
        coalesce(resources.vcpu, sizes.vcpu) as node_vcpu,
        coalesce(resources.memory_gib, sizes.memory_gib) as node_memory_gib
    from ({{ resources_under('nodes') }}) as resources
    left join {{ ref('instance_sizes') }} as sizes
        on
            resources.provider = sizes.provider
            and resources.resource_type = sizes.resource_type
            and resources.sku = sizes.sku
    where resources.state = 'running' and resources.managed_by = resources.metric and resources.attached_to is not null
),

hours as (
    select
        members.usage_source,
        members.rule_id,
        members.account_id,
        members.region,
        members.attached_to,
        members.sku,
        members.currency,
        members.resource_id,
        metrics.metric_hour,
        max(case when metrics.metric = 'node_cpu_allocated_pct' then metrics.avg_value end) / 100 * max(members.node_vcpu) as vcpu_allocated,
        max(case when metrics.metric = 'node_mem_allocated_pct' then metrics.avg_value end) / 100 * max(members.node_memory_gib)
            as gib_allocated
    from members
    inner join {{ ref('stg_usage__metrics') }} as metrics
        on
            members.usage_source = metrics.usage_source
            and members.resource_id = metrics.resource_id
            and metrics.day > {{ plus_days('members.run_date', '-members.lookback_days') }}
            and metrics.day <= members.run_date
    where metrics.metric in ('node_cpu_allocated_pct', 'node_mem_allocated_pct')
    group by all
),

nodes as (
    select
        usage_source, rule_id, resource_id, currency,
        count(*) as hours,
        {{ measure('avg(vcpu_allocated)') }} as vcpu_avg
    from hours
    where vcpu_allocated is not null and gib_allocated is not null
    group by usage_source, rule_id, resource_id, currency
),

group_hours as (
    select
        usage_source, rule_id, account_id, region, attached_to, sku, currency, metric_hour,
        {{ measure('sum(vcpu_allocated)') }} as vcpu_allocated,
        {{ measure('sum(gib_allocated)') }} as gib_allocated
    from hours
    group by all
),

groups_busy as (
    select
        usage_source, rule_id, account_id, region, attached_to, sku, currency,
        {{ quantile_of('vcpu_allocated', 0.95) }} as vcpu_p95,
        {{ quantile_of('gib_allocated', 0.95) }} as gib_p95
    from group_hours
    group by all
),

ranked as (
    select
        members.*,
        nodes.hours,
        nodes.vcpu_avg,
        groups_busy.vcpu_p95,
        groups_busy.gib_p95,
        count(*) over of_group as node_count,
        count(case when nodes.hours >= members.min_completeness * 24 * members.lookback_days then 1 end) over of_group as measured_count,
        row_number() over (
            partition by members.usage_source, members.rule_id, members.account_id, members.region, members.attached_to, members.sku, members.currency
            order by nodes.vcpu_avg, members.resource_id
        ) as emptiest
    from members
    left join nodes
        on
            members.usage_source = nodes.usage_source
            and members.rule_id = nodes.rule_id
            and members.resource_id = nodes.resource_id
            and members.currency is not distinct from nodes.currency
    left join groups_busy
        on
            members.usage_source = groups_busy.usage_source
            and members.rule_id = groups_busy.rule_id
            and members.account_id = groups_busy.account_id
            and members.region = groups_busy.region
            and members.attached_to = groups_busy.attached_to
            and members.sku = groups_busy.sku
            and members.currency is not distinct from groups_busy.currency
    window of_group as (
        partition by members.usage_source, members.rule_id, members.account_id, members.region, members.attached_to, members.sku, members.currency
    )
),

found as (
    select
        *,
        1 - greatest(vcpu_p95 / (node_count * node_vcpu), gib_p95 / (node_count * node_memory_gib)) as idle_share,
        cast(greatest(
            ceil(vcpu_p95 * (1 + cpu_headroom) / node_vcpu), ceil(gib_p95 * (1 + mem_headroom) / node_memory_gib), min_nodes
        ) as integer) as nodes_needed
    from ranked
    where measured_count = node_count
)

select
    {{ candidate_columns({
        'current_config': json_of({'node_group': 'found.attached_to', 'sku': 'found.sku', 'nodes': 'found.node_count'}),
        'recommended_config': json_of({'node_group': 'found.attached_to', 'nodes': 'found.nodes_needed'}),
        'cost_part': "'vm_compute'",
        'effective_cost_month': 'found.compute_effective_month',
        'contracted_cost_month': 'found.compute_contracted_month',
        'list_cost_month': 'found.compute_list_month',
        'saved_share': '1',
        'observed_hours': 'found.hours',
        'expected_hours': '24 * found.lookback_days',
        'history_days': 'found.lookback_days',
        'metric_stat': "'p95 of the group'",
        'metrics_factor': '1',
        'variation': '0',
        'is_automatable': 'false',
        'evidence': json_of({
            'nodes': 'found.node_count',
            'vcpu_a_node': 'found.node_vcpu',
            'memory_gib_a_node': 'found.node_memory_gib',
            'vcpu_allocated_p95': 'found.vcpu_p95',
            'gib_allocated_p95': 'found.gib_p95',
            'idle_share': 'found.idle_share',
            'at_least': 'found.min_idle_share',
            'headroom': 'found.cpu_headroom',
            'nodes_needed': 'found.nodes_needed',
            'this_node_is_number': 'found.emptiest',
            'compute_effective_month': 'found.compute_effective_month'
        }),
        'data_gaps': json_words({'price': 'found.compute_effective_month is null', 'pods_that_may_not_move': 'true'})
    }) }}
from found
where found.idle_share >= found.min_idle_share and found.emptiest <= found.node_count - found.nodes_needed
