-- Resources that exist, with what they cost and which thresholds apply. Grain: source of signals × resource × currency of its bill.
-- A resource that no bill names has no currency and no costs: its savings are unknown, not zero.
with

inventory as (
    select * from {{ ref('int_optimization__inventory_versions') }} where is_current
),

costs as (
    select
        provider,
        resource_key,
        x_source,
        currency,
        max(billing_account_id) as billing_account_id,
        max(sub_account_id) as sub_account_id,
        max(tags) as bill_tags,
        max(cost_days) as cost_days,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost,
        -- Compute alone; meters that the seed does not know leave it unknown rather than zero.
        sum(case when meter_kind in ({{ compute_kinds() }}) then effective_cost end) as compute_effective,
        sum(case when meter_kind in ({{ compute_kinds() }}) then contracted_cost end) as compute_contracted,
        sum(case when meter_kind in ({{ compute_kinds() }}) then list_cost end) as compute_list
    from {{ ref('int_optimization__meters') }}
    where resource_key is not null
    group by provider, resource_key, x_source, currency
),

environments as (
    select
        inventory.usage_source,
        inventory.resource_id,
        max(trim(lower(pairs.value))) as environment
    from inventory, {{ json_pairs('inventory.tags') }} as pairs
    where {{ normalized_tag_key('pairs.key') }} in ('environment', 'env', 'stage')
    group by inventory.usage_source, inventory.resource_id
),

bill_environments as (
    select
        tags,
        max(tag_value) as environment
    from {{ ref('int_allocation__tag_values') }}
    where tag_key in ('environment', 'env', 'stage')
    group by tags
),

clock as (
    select run_date from {{ ref('int_optimization__clock') }}
)

select
    {%- for name in inventory_columns() %}
    inventory.{{ name }},
    {%- endfor %}
    inventory.valid_from,
    inventory.last_seen_day,
    inventory.unattached_since,
    clock.run_date,
    {{ days_from('inventory.last_seen_day', 'clock.run_date') }} as signal_age_days,
    {{ days_from('cast(inventory.created_at as date)', 'clock.run_date') }} as age_days,
    -- As meter_sku of dim_price_observed ends: a machine whose price has a licence in it is compared with its like.
    case when inventory.os = 'windows' and coalesce(inventory.license_model, 'included') = 'included' then ' Windows' else '' end
        as sku_suffix,
    costs.x_source,
    costs.billing_account_id,
    coalesce(costs.sub_account_id, inventory.account_id) as sub_account_id,
    coalesce(environments.environment, bill_environments.environment) as environment,
    coalesce(profiles.profile, 'prod') as profile,
    costs.currency,
    cast(costs.cost_days as integer) as cost_days,
    {{ per_month('costs.effective_cost', 'costs.cost_days') }} as effective_cost_month,
    {{ per_month('costs.contracted_cost', 'costs.cost_days') }} as contracted_cost_month,
    {{ per_month('costs.list_cost', 'costs.cost_days') }} as list_cost_month,
    {{ per_month('costs.compute_effective', 'costs.cost_days') }} as compute_effective_month,
    {{ per_month('costs.compute_contracted', 'costs.cost_days') }} as compute_contracted_month,
    {{ per_month('costs.compute_list', 'costs.cost_days') }} as compute_list_month
from inventory
cross join clock
left join costs
    on inventory.provider = costs.provider and lower(inventory.resource_id) = costs.resource_key
left join environments
    on inventory.usage_source = environments.usage_source and inventory.resource_id = environments.resource_id
left join bill_environments on costs.bill_tags = bill_environments.tags
left join {{ ref('environment_profiles') }} as profiles
    on coalesce(environments.environment, bill_environments.environment) = profiles.environment
