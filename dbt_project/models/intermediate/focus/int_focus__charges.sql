-- depends_on: {{ ref('int_deliveries__current') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_replaced_deliveries() }}"
) }}
-- The ledger: every charge of every source in FOCUS terms. Grain: one row per charge line.
-- Provider names end here. Only deliveries that the ledger does not hold yet are read; replaced ones leave first.
with

charges as (
    select * from {{ ref('int_focus__aws_charges') }}
    union all by name
    select * from {{ ref('int_focus__azure_charges') }}
    union all by name
    select * from {{ ref('int_focus__gcp_charges') }}
    union all by name
    select * from {{ ref('int_focus__native_charges') }}
)

select
    cast(billing_account_id as varchar) as billing_account_id,
    cast(billing_account_name as varchar) as billing_account_name,
    cast(billing_account_type as varchar) as billing_account_type,
    cast(sub_account_id as varchar) as sub_account_id,
    cast(sub_account_name as varchar) as sub_account_name,
    cast(sub_account_type as varchar) as sub_account_type,
    cast(billing_currency as varchar) as billing_currency,
    cast(billing_period_start as timestamp) as billing_period_start,
    cast(billing_period_end as timestamp) as billing_period_end,
    cast(charge_period_start as timestamp) as charge_period_start,
    cast(charge_period_end as timestamp) as charge_period_end,
    cast(charge_category as varchar) as charge_category,
    cast(charge_class as varchar) as charge_class,
    cast(charge_description as varchar) as charge_description,
    cast(charge_frequency as varchar) as charge_frequency,
    cast(billed_cost as decimal(28, 12)) as billed_cost,
    cast(effective_cost as decimal(28, 12)) as effective_cost,
    cast(list_cost as decimal(28, 12)) as list_cost,
    cast(contracted_cost as decimal(28, 12)) as contracted_cost,
    cast(list_unit_price as decimal(38, 18)) as list_unit_price,
    cast(contracted_unit_price as decimal(38, 18)) as contracted_unit_price,
    cast(pricing_category as varchar) as pricing_category,
    cast(pricing_currency as varchar) as pricing_currency,
    cast(pricing_currency_contracted_unit_price as decimal(38, 18)) as pricing_currency_contracted_unit_price,
    cast(pricing_currency_effective_cost as decimal(28, 12)) as pricing_currency_effective_cost,
    cast(pricing_currency_list_unit_price as decimal(38, 18)) as pricing_currency_list_unit_price,
    cast(pricing_quantity as decimal(38, 12)) as pricing_quantity,
    cast(pricing_unit as varchar) as pricing_unit,
    cast(consumed_quantity as decimal(38, 12)) as consumed_quantity,
    cast(consumed_unit as varchar) as consumed_unit,
    cast(commitment_discount_category as varchar) as commitment_discount_category,
    cast(commitment_discount_id as varchar) as commitment_discount_id,
    cast(commitment_discount_name as varchar) as commitment_discount_name,
    cast(commitment_discount_quantity as decimal(38, 12)) as commitment_discount_quantity,
    cast(commitment_discount_status as varchar) as commitment_discount_status,
    cast(commitment_discount_type as varchar) as commitment_discount_type,
    cast(commitment_discount_unit as varchar) as commitment_discount_unit,
    cast(capacity_reservation_id as varchar) as capacity_reservation_id,
    cast(capacity_reservation_status as varchar) as capacity_reservation_status,
    cast(service_category as varchar) as service_category,
    cast(service_subcategory as varchar) as service_subcategory,
    cast(service_name as varchar) as service_name,
    cast(service_provider_name as varchar) as service_provider_name,
    cast(host_provider_name as varchar) as host_provider_name,
    cast(provider_name as varchar) as provider_name,
    cast(publisher_name as varchar) as publisher_name,
    cast(invoice_issuer_name as varchar) as invoice_issuer_name,
    cast(invoice_id as varchar) as invoice_id,
    cast(invoice_detail_id as varchar) as invoice_detail_id,
    cast(region_id as varchar) as region_id,
    cast(region_name as varchar) as region_name,
    cast(availability_zone as varchar) as availability_zone,
    cast(resource_id as varchar) as resource_id,
    cast(resource_name as varchar) as resource_name,
    cast(resource_type as varchar) as resource_type,
    cast(sku_id as varchar) as sku_id,
    cast(sku_meter as varchar) as sku_meter,
    cast(sku_price_id as varchar) as sku_price_id,
    cast(sku_price_details as varchar) as sku_price_details,
    cast(tags as varchar) as tags,
    cast(allocated_method_id as varchar) as allocated_method_id,
    cast(allocated_method_details as varchar) as allocated_method_details,
    cast(allocated_resource_id as varchar) as allocated_resource_id,
    cast(allocated_resource_name as varchar) as allocated_resource_name,
    cast(allocated_tags as varchar) as allocated_tags,
    cast(contract_applied as varchar) as contract_applied,
    cast(commitment_program_eligibility_details as varchar) as commitment_program_eligibility_details,
    cast(x_source as varchar) as x_source,
    cast(x_billing_period as varchar) as x_billing_period,
    cast(x_delivery_version as varchar) as x_delivery_version,
    cast(x_delivery_id as varchar) as x_delivery_id,
    cast(x_dataset as varchar) as x_dataset,
    cast(x_source_file as varchar) as x_source_file,
    cast(x_source_row as bigint) as x_source_row,
    cast(x_provider as varchar) as x_provider,
    cast(x_rule as varchar) as x_rule,
    cast(x_line_type as varchar) as x_line_type,
    cast(x_service_code as varchar) as x_service_code,
    cast(x_resource_group as varchar) as x_resource_group
from charges
