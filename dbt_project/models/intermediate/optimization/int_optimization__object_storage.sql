-- Buckets in the class for daily use that nobody reads any more, from the bill: no request in the whole look-back, after some
-- before it. A bucket without a single request line is unknown: its requests may not be itemised. Grain: resource × rule.
-- A proxy: object sizes and ages are unknown (confidence ≤ 0.5).
with

days as (
    select
        charges.x_provider as provider,
        charges.x_source,
        charges.region_id,
        lower(charges.resource_id) as resource_key,
        charges.billing_currency as currency,
        kinds.meter_kind,
        cast(charges.charge_period_start as date) as charge_date,
        sum(charges.pricing_quantity) as quantity
    from {{ ref('int_focus__charges') }} as charges
    inner join {{ ref('int_optimization__meter_kinds') }} as kinds
        on
            {{ is_kind_of('kinds', 'charges') }}
    where
        kinds.meter_kind in ('object_storage', 'object_requests', 'object_retrieval')
        and charges.charge_category = 'Usage'
        and charges.resource_id is not null
    group by all
),

asked as (
    select * from {{ ref('int_optimization__rules') }} where rule_kind = 'object_storage' and profile = 'prod'
),

newest as (
    select
        x_source,
        max(charge_date) as bill_date
    from days
    group by x_source
),

asked_from as (
    select
        newest.x_source,
        asked.rule_id,
        {{ plus_days('newest.bill_date', '-asked.lookback_days') }} as day
    from newest
    cross join asked
),

buckets as (
    select
        days.x_source,
        days.resource_key,
        days.currency,
        asked.rule_id,
        count(
            distinct case when days.meter_kind = 'object_storage' and days.charge_date > asked_from.day then days.charge_date end
        ) as stored_days,
        sum(
            case when days.meter_kind <> 'object_storage' and days.charge_date > asked_from.day then days.quantity else 0 end
        ) as requests,
        max(case when days.meter_kind <> 'object_storage' then days.charge_date end) as last_request_date
    from days
    inner join asked on days.provider = asked.provider
    inner join asked_from on days.x_source = asked_from.x_source and asked.rule_id = asked_from.rule_id
    group by days.x_source, days.resource_key, days.currency, asked.rule_id
),

storage as (
    select
        provider,
        x_source,
        max(billing_account_id) as billing_account_id,
        max(sub_account_id) as sub_account_id,
        region_id as region,
        max(resource_id) as resource_id,
        resource_key,
        currency,
        max(tags) as tags,
        max(cost_days) as cost_days,
        sum(quantity) as quantity,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost,
        count(distinct meter_sku) as classes,
        max(meter_sku) as storage_class
    from {{ ref('int_optimization__meters') }}
    where meter_kind = 'object_storage' and resource_id is not null
    group by provider, x_source, region_id, resource_key, currency
),

-- What a class costs in the own bill; a class is a word of the rule's metric, after the arrow.
class_prices as (
    select
        x_source,
        region_id,
        currency,
        lower(rtrim(meter_sku, '-')) as class,
        max(contracted_unit_price) as price
    from {{ ref('dim_price_observed') }}
    where meter_kind = 'object_storage' and contracted_unit_price > 0
    group by x_source, region_id, currency, lower(rtrim(meter_sku, '-'))
),

sized as (
    select
        storage.*,
        {{ rule_columns('asked') }},
        clock.run_date,
        cast(null as varchar) as resource_name,
        cast(null as varchar) as environment,
        'bucket' as resource_type,
        buckets.stored_days,
        buckets.requests,
        buckets.last_request_date,
        {{ per_month('storage.quantity', 'storage.cost_days') }} as gb,
        {{ per_month('storage.effective_cost', 'storage.cost_days') }} as effective_cost_month,
        {{ per_month('storage.contracted_cost', 'storage.cost_days') }} as contracted_cost_month,
        {{ per_month('storage.list_cost', 'storage.cost_days') }} as list_cost_month
    from storage
    cross join {{ ref('int_optimization__clock') }} as clock
    inner join asked on storage.provider = asked.provider
    inner join buckets
        on
            storage.x_source = buckets.x_source
            and storage.resource_key = buckets.resource_key
            and storage.currency = buckets.currency
            and asked.rule_id = buckets.rule_id
),

found as (
    select
        sized.*,
        class_prices.price as target_price,
        -- Nobody asked for anything, so nothing is retrieved; moving it in (one_time_cost) has no known number of objects.
        {{ price_times('class_prices.price', measure('sized.gb')) }} as target_cost
    from sized
    left join class_prices
        on
            sized.x_source = class_prices.x_source
            and sized.region = class_prices.region_id
            and sized.currency = class_prices.currency
            and lower({{ dbt.split_part('sized.metric', "'>'", 2) }}) = class_prices.class
)

select
    {{ candidate_columns({
        'target': 'found.metric',
        'current_config': json_of({'storage_class': 'found.storage_class', 'size_gib': 'found.gb'}),
        'recommended_config': json_of({'class_change': 'found.metric'}),
        'cost_part': "'object_storage'",
        'target_cost_month': 'found.target_cost',
        'fixed_saving_share': 'found.fixed_saving_share',
        'one_time_cost': 'null',
        'is_automatable': 'false',
        'evidence': json_of({
            'gib': 'found.gb',
            'requests': 'found.requests',
            'last_request_date': 'found.last_request_date',
            'days_stored': 'found.stored_days',
            'days': 'found.lookback_days',
            'target_price': 'found.target_price',
            'fixed_saving_share': 'found.fixed_saving_share',
            'contracted_cost_month': 'found.contracted_cost_month'
        }),
        'data_gaps': json_words({'object_sizes': 'true', 'retrieval': 'true', 'target_price': 'found.target_cost is null'})
    }) }}
from found
where
    found.classes = 1
    and found.requests = 0
    and found.last_request_date is not null
    and found.stored_days >= found.lookback_days
    and found.gb >= found.min_size_gib
    and (found.target_cost < found.contracted_cost_month or (found.target_cost is null and found.fixed_saving_share is not null))
