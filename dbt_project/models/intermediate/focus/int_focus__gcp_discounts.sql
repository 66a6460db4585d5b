-- depends_on: {{ ref('int_deliveries__current') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_replaced_and_new_deliveries() }}"
) }}
-- What a billing account's commitments and sustained use took off its machines' bill, and what the commitments cost.
-- Grain: delivery × day × project × tags × region × SKU × currency. Kept beside the ledger, where a row has its discounts
-- taken off already. Spot, shared-core and sole-tenant rows take no part.
with

lines as (
    select
        *,
        regexp_replace(coalesce(committed_resource, ''), '^(gpu|tpu|local ssd)$', '') as resource
    from {{ ref('int_focus__gcp_lines') }}
    where
        service_description = 'Compute Engine'
        and commitment_category = 'Usage'
        and not regexp_matches(sku_description, 'spot|preemptible|micro|small|extended|sole tenancy', 'i')
),

tags as (
    select * from {{ ref('int_focus__tags') }} where dialect = 'gcp'
)

select
    lines.x_source,
    lines.x_billing_period,
    lines.x_delivery_version,
    cast(lines.usage_start_time as date) as charge_date,
    lines.billing_account_id,
    lines.currency,
    lines.project_id,
    lines.project_ancestry_numbers as folder_path,
    tags.tags,
    coalesce(lines.location_region, '') as region,
    lines.resource,
    lines.machine_family,
    lines.sku_id,
    cast(sum(case when lines.x_rule = 'usage' then lines.cost else 0 end) as decimal(28, 12)) as usage_cost,
    cast(sum(case
        when lines.x_rule = 'usage'
            then {{ resource_hours('lines.usage_amount', 'lines.usage_unit', 'lines.usage_amount_in_pricing_units', 'lines.usage_pricing_unit') }}
    end) as decimal(38, 12)) as usage_hours,
    cast(sum(case when lines.x_rule = 'commitment_fee' then lines.net_cost - lines.promotion_credit else 0 end) as decimal(28, 12))
        as commitment_fee,
    cast(sum(case when lines.x_rule = 'usage' then lines.commitment_credit else 0 end) as decimal(28, 12)) as commitment_credit,
    cast(sum(case when lines.x_rule = 'usage' then lines.sustained_credit else 0 end) as decimal(28, 12)) as sustained_credit
from lines
left join tags on concat_ws('|', lines.labels, lines.project_labels, lines.tags) = tags.raw_tags
where lines.x_rule in ('usage', 'commitment_fee') and lines.resource in ('cpu', 'ram')
group by all
