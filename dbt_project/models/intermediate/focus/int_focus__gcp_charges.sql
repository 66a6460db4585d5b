-- GCP billing export in FOCUS terms. Grain: one row per exported row.
-- Billed cost is cost plus all of its credits; the invoice month decides the billing period, usage time the charge.
-- The export does not say which usage a commitment's fee covers, so effective cost equals billed cost here.
with

lines as (
    select
        *,
        case
            when cost_type = 'tax' then 'tax'
            when cost_type in ('rounding_error', 'roundoff') then 'rounding'
            when cost_type = 'adjustment' and adjustment_type in ('GOODWILL', 'SALES_BASED_GOODWILL', 'SLA_VIOLATION')
                then 'goodwill'
            when cost_type = 'adjustment' then 'adjustment'
            when sku_description like 'Commitment%' or subscription_instance_id is not null then 'commitment_fee'
            else 'usage'
        end as x_rule,
        coalesce(sku_description like '%Spot%' or sku_description like '%Preemptible%', false) as is_spot,
        cast(concat(substr(invoice_month, 1, 4), '-', substr(invoice_month, 5, 2), '-01') as date) as invoice_date
    from {{ ref('stg_gcp__billing_export') }}
),

categories as (
    select * from {{ ref('service_categories') }}
),

regions as (
    select * from {{ ref('regions') }}
),

tags as (
    select * from {{ ref('int_focus__tags') }} where dialect = 'gcp'
)

select
    lines.billing_account_id,
    cast(null as varchar) as billing_account_name,
    'Billing Account' as billing_account_type,
    lines.project_id as sub_account_id,
    lines.project_name as sub_account_name,
    case when lines.project_id is not null then 'Project' end as sub_account_type,

    lines.currency as billing_currency,
    -- Google's invoice month runs on Pacific time.
    {{ to_utc('cast(lines.invoice_date as timestamp)', 'America/Los_Angeles') }} as billing_period_start,
    {{ to_utc('cast(' ~ dbt.dateadd('month', 1, 'lines.invoice_date') ~ ' as timestamp)', 'America/Los_Angeles') }}
        as billing_period_end,
    lines.usage_start_time as charge_period_start,
    coalesce(lines.usage_end_time, lines.usage_start_time) as charge_period_end,

    case lines.x_rule
        when 'usage' then 'Usage'
        when 'commitment_fee' then 'Purchase'
        when 'tax' then 'Tax'
        when 'goodwill' then 'Credit'
        else 'Adjustment'
    end as charge_category,
    case
        when lines.adjustment_type in ('USAGE_CORRECTION', 'PRICE_CORRECTION', 'METADATA_CORRECTION')
            and cast(lines.usage_start_time as date) < lines.invoice_date then 'Correction'
    end as charge_class,
    coalesce(lines.adjustment_description, lines.sku_description, lines.service_description) as charge_description,
    case lines.x_rule
        when 'usage' then 'Usage-Based'
        when 'commitment_fee' then 'Recurring'
        else 'One-Time'
    end as charge_frequency,

    {{ money('lines.cost + lines.credits_total') }} as billed_cost,
    {{ money('lines.cost + lines.credits_total') }} as effective_cost,
    case
        when lines.x_rule in ('usage', 'commitment_fee') then coalesce(lines.cost_at_list, lines.cost)
        else {{ money('lines.cost + lines.credits_total') }}
    end as list_cost,
    case
        when lines.x_rule in ('usage', 'commitment_fee') then coalesce(lines.cost_at_effective_price_default, lines.cost)
        else {{ money('lines.cost + lines.credits_total') }}
    end as contracted_cost,

    case when lines.x_rule = 'usage' then lines.list_price end as list_unit_price,
    case when lines.x_rule = 'usage' then lines.contracted_price end as contracted_unit_price,
    case
        when lines.x_rule not in ('usage', 'commitment_fee') then null
        when lines.x_rule = 'commitment_fee' then 'Standard'
        when lines.consumption_model_id is not null and lower(lines.consumption_model_description) not like 'default%'
            then 'Committed'
        when lines.is_spot then 'Dynamic'
        else 'Standard'
    end as pricing_category,
    lines.currency as pricing_currency,
    case when lines.x_rule in ('usage', 'commitment_fee') then lines.usage_amount_in_pricing_units end as pricing_quantity,
    case when lines.x_rule in ('usage', 'commitment_fee') then lines.usage_pricing_unit end as pricing_unit,
    case when lines.x_rule = 'usage' then lines.usage_amount end as consumed_quantity,
    case when lines.x_rule = 'usage' then lines.usage_unit end as consumed_unit,

    case
        when lines.x_rule <> 'commitment_fee' or lines.subscription_instance_id is null then null
        when lines.sku_description like 'Commitment - dollar%' then 'Spend'
        else 'Usage'
    end as commitment_discount_category,
    case when lines.x_rule = 'commitment_fee' then lines.subscription_instance_id end as commitment_discount_id,
    case when lines.x_rule = 'commitment_fee' and lines.subscription_instance_id is not null then lines.sku_description end
        as commitment_discount_name,
    case
        when lines.x_rule = 'commitment_fee' and lines.subscription_instance_id is not null
            then lines.usage_amount_in_pricing_units
    end as commitment_discount_quantity,
    case when lines.x_rule = 'commitment_fee' and lines.subscription_instance_id is not null then 'Committed Use Discount' end
        as commitment_discount_type,
    case when lines.x_rule = 'commitment_fee' and lines.subscription_instance_id is not null then lines.usage_pricing_unit end
        as commitment_discount_unit,

    coalesce(categories.service_category, 'Other') as service_category,
    coalesce(categories.service_subcategory, 'Other (Other)') as service_subcategory,
    coalesce(lines.service_description, categories.service_name, lines.service_id, 'Unknown') as service_name,
    'Google Cloud' as service_provider_name,
    'Google Cloud' as host_provider_name,
    'Google Cloud' as provider_name,
    case when lines.transaction_type in ('THIRD_PARTY_RESELLER', 'THIRD_PARTY_AGENCY') then lines.seller_name
        else 'Google Cloud' end as publisher_name,
    case when lines.transaction_type = 'THIRD_PARTY_AGENCY' then coalesce(lines.seller_name, 'Google Cloud')
        else 'Google Cloud' end as invoice_issuer_name,

    coalesce(regions.region_id, lines.location_region) as region_id,
    coalesce(regions.region_name, lines.location_region) as region_name,
    lines.location_zone as availability_zone,
    coalesce(lines.resource_global_name, lines.resource_name) as resource_id,
    lines.resource_name,
    regexp_extract(lines.resource_global_name, '^//([^/]+)/', 1) as resource_type,
    lines.sku_id,
    lines.sku_description as sku_meter,
    concat_ws('|', lines.sku_id, cast(lines.tier_start_amount as varchar), lines.consumption_model_id) as sku_price_id,
    tags.tags,

    lines.x_source,
    lines.x_billing_period,
    lines.x_delivery_version,
    lines.x_delivery_id,
    '' as x_dataset,
    lines.x_source_file,
    lines.x_source_row,
    'gcp' as x_provider,
    'gcp/' || lines.x_rule as x_rule,
    lines.cost_type as x_line_type,
    coalesce(lines.service_description, lines.service_id) as x_service_code,
    cast(null as varchar) as x_resource_group
from lines
left join categories on categories.provider_service_key = 'gcp:' || lower(lines.service_description)
left join regions on regions.provider_region_key = 'gcp:' || lower(lines.location_region)
left join tags on concat_ws('|', lines.labels, lines.project_labels, lines.tags) = tags.raw_tags
