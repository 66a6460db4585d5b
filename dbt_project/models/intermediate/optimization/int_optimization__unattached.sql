-- What nothing uses: disks, addresses, balancers, gateways, plans, and disks of machines that have been off for long (metric
-- stopped_machine). Only the inventory can tell; no bill shows what a disk is attached to. Of a disk a snapshot is taken first and kept for a while, so its price is not saved at once; without a price of snapshots
-- (or where they are dearer) the disk itself may be kept as long: at least that is saved. Grain: resource × rule.
with

-- Machines that are off, and since when.
off as (
    select
        usage_source,
        lower(resource_id) as resource_key,
        state,
        coalesce(cast(state_changed_at as date), valid_from) as off_since
    from {{ ref('int_optimization__inventory_versions') }}
    where is_current and resource_type = 'vm' and state in ('stopped', 'deallocated')
),

found as (
    select
        resources.*,
        off.state as machine_state,
        coalesce(off.off_since, cast(resources.detached_at as date), resources.unattached_since) as unused_since,
        prices.snapshot_price,
        {{ price_times('prices.snapshot_price', measure('resources.size_gib')) }} as snapshot_cost_month
    from ({{ resources_under('unattached') }}) as resources
    left join {{ ref('int_optimization__snapshot_prices') }} as prices
        on
            resources.x_source = prices.x_source
            and resources.region = prices.region_id
            and resources.currency = prices.currency
    left join off
        on
            resources.usage_source = off.usage_source
            and case when resources.metric = 'stopped_machine' then lower(resources.attached_to) end = off.resource_key
    where
        case when resources.metric = 'stopped_machine' then off.state is not null else resources.attached_count = 0 end
        and resources.managed_by is null
        and (resources.metric = 'stopped_machine' or coalesce(resources.state, '') <> 'in_use')
)

select
    {{ candidate_columns({
        'current_config': json_of({
            'storage_type': 'found.storage_type', 'size_gib': 'found.size_gib', 'state': 'found.state', 'sku': 'found.sku'
        }),
        'recommended_config': json_of({
            'snapshot_first': 'found.snapshot_keep_days is not null', 'snapshot_keep_days': 'found.snapshot_keep_days'
        }),
        'saved_share': '1',
        'ongoing_cost_month': kept_snapshot_month('found'),
        'is_automatable': 'found.machine_state is null',
        'ongoing_months': ratio('found.snapshot_keep_days * 12', '365'),
        'evidence': json_of({
            'unused_since': 'found.unused_since',
            'days_unused': days_from('found.unused_since', 'found.run_date'),
            'min_days': 'found.min_unattached_days',
            'machine': "case when found.machine_state is not null then found.attached_to end",
            'machine_state': 'found.machine_state',
            'since_is_from': "case when found.machine_state is not null then 'machine' when found.detached_at is null then 'first day seen unused' else 'provider' end",
            'size_gib': 'found.size_gib',
            'snapshot_price_gib_month': 'found.snapshot_price',
            'kept_meanwhile': "case when found.snapshot_keep_days is null then null when found.snapshot_cost_month < found.contracted_cost_month then 'snapshot' else 'disk' end",
            'effective_cost_month': 'found.effective_cost_month'
        }),
        'data_gaps': json_words({
            'price': 'found.currency is null',
            'snapshot_price': 'found.snapshot_keep_days is not null and found.snapshot_price is null'
        })
    }) }}
from found
where {{ days_from('found.unused_since', 'found.run_date') }} >= found.min_unattached_days
