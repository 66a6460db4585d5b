-- Snapshots that the bill has named for longer than anyone needs, where no inventory knows them. Grain: resource × rule × currency. Their age
-- is at least the time since the bill first named them; what images or backup plans need of them the bill does not say, so this is a proxy.
with

known as (
    select distinct provider, lower(resource_id) as resource_key
    from {{ ref('int_optimization__inventory_versions') }}
    where resource_type = 'snapshot'
),

seen as (
    select
        charges.x_provider as provider,
        charges.x_source,
        lower(charges.resource_id) as resource_key,
        min(cast(charges.charge_period_start as date)) as first_seen
    from {{ ref('int_focus__charges') }} as charges
    inner join {{ ref('int_optimization__meter_kinds') }} as kinds
        on
            {{ is_kind_of('kinds', 'charges') }}
    where kinds.meter_kind = 'snapshot_storage' and charges.charge_category = 'Usage' and charges.resource_id is not null
    group by charges.x_provider, charges.x_source, lower(charges.resource_id)
),

billed as (
    select
        provider, x_source, resource_key, currency,
        region_id as region,
        max(resource_id) as resource_id,
        max(billing_account_id) as billing_account_id,
        max(sub_account_id) as sub_account_id,
        max(tags) as tags,
        max(cost_days) as cost_days,
        max(bill_date) as bill_date,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost
    from {{ ref('int_optimization__meters') }}
    where meter_kind = 'snapshot_storage' and resource_key is not null
    group by provider, x_source, resource_key, currency, region_id
),

found as (
    select
        billed.*,
        {{ rule_columns('rules') }},
        seen.first_seen,
        clock.run_date,
        rules.resource_type,
        cast(null as varchar) as resource_name,
        cast(null as varchar) as environment,
        {{ days_from('seen.first_seen', 'billed.bill_date') }} as days_billed,
        {{ per_month('billed.effective_cost', 'billed.cost_days') }} as effective_cost_month,
        {{ per_month('billed.contracted_cost', 'billed.cost_days') }} as contracted_cost_month,
        {{ per_month('billed.list_cost', 'billed.cost_days') }} as list_cost_month
    from billed
    cross join {{ ref('int_optimization__clock') }} as clock
    inner join seen
        on
            billed.provider = seen.provider
            and billed.x_source = seen.x_source
            and billed.resource_key = seen.resource_key
    inner join {{ ref('int_optimization__rules') }} as rules
        on billed.provider = rules.provider and rules.rule_kind = 'snapshots_billed' and rules.profile = 'prod'
    left join known on billed.provider = known.provider and billed.resource_key = known.resource_key
    where known.resource_key is null
)

select
    {{ candidate_columns({
        'current_config': json_of({'first_seen': 'found.first_seen'}),
        'recommended_config': json_of({'state': "'deleted'"}),
        'cost_part': "'snapshot_storage'",
        'saved_share': '1',
        'is_upper_bound': 'true',
        'is_automatable': 'false',
        'evidence': json_of({
            'first_seen_on_a_bill': 'found.first_seen',
            'days_billed': 'found.days_billed',
            'min_days': 'found.min_age_days',
            'effective_cost_month': 'found.effective_cost_month'
        }),
        'data_gaps': json_words({'images': 'true', 'shared_blocks': 'true'})
    }) }}
from found
where found.days_billed >= found.min_age_days and found.effective_cost_month > 0
