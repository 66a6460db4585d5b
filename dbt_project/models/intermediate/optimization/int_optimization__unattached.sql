-- What nothing uses: disks, addresses, balancers, gateways, plans. Only the inventory can tell; no bill shows what a disk is
-- attached to. Of a disk a snapshot is taken first and kept for a while, so its price is not saved at once; without a price of snapshots
-- (or where they are dearer) the disk itself may be kept as long: at least that is saved. Grain: resource × rule.
with

found as (
    select
        resources.*,
        coalesce(cast(resources.detached_at as date), resources.unattached_since) as unused_since,
        prices.snapshot_price,
        {{ price_times('prices.snapshot_price', measure('resources.size_gib')) }} as snapshot_cost_month
    from ({{ resources_under('unattached') }}) as resources
    left join {{ ref('int_optimization__snapshot_prices') }} as prices
        on
            resources.x_source = prices.x_source
            and resources.region = prices.region_id
            and resources.currency = prices.currency
    where
        resources.attached_count = 0
        and resources.managed_by is null
        and coalesce(resources.state, '') <> 'in_use'
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
        'ongoing_months': ratio('found.snapshot_keep_days * 12', '365'),
        'evidence': json_of({
            'unused_since': 'found.unused_since',
            'days_unused': days_from('found.unused_since', 'found.run_date'),
            'min_days': 'found.min_unattached_days',
            'since_is_from': "case when found.detached_at is null then 'first day seen unused' else 'provider' end",
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
