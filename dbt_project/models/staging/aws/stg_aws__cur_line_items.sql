-- CUR lines (legacy and 2.0) of the deliveries that the ledger does not hold yet. Grain: one row per line item.
select
    lines.x_source,
    lines.x_billing_period,
    deliveries.ledger_version as x_delivery_version,
    lines.x_delivery_id,
    lines.x_source_file,
    lines.x_source_row,

    lines.line_item_line_item_type as line_item_type,
    lines.line_item_line_item_description as description,
    lines.bill_payer_account_id as payer_account_id,
    lines.bill_payer_account_name as payer_account_name,
    lines.line_item_usage_account_id as usage_account_id,
    lines.line_item_usage_account_name as usage_account_name,
    lines.bill_invoice_id as invoice_id,
    lines.bill_invoicing_entity as invoicing_entity,
    lines.bill_billing_entity as billing_entity,
    lines.bill_bill_type as bill_type,
    lines.line_item_legal_entity as legal_entity,
    lines.line_item_currency_code as currency,

    lines.bill_billing_period_start_date as billing_period_start,
    lines.bill_billing_period_end_date as billing_period_end,
    -- Lines without a cost may have no dates of their own; the gate lets no others through.
    coalesce(lines.line_item_usage_start_date, lines.bill_billing_period_start_date) as usage_start,
    coalesce(lines.line_item_usage_end_date, lines.line_item_usage_start_date, lines.bill_billing_period_start_date)
        as usage_end,

    lines.line_item_product_code as product_code,
    lines.product_product_name as product_name,
    lines.product_servicecode as service_code,
    lines.product as product_json,
    lines.product_product_family as product_family,
    coalesce(lines.product_region_code, lines.product_region) as region_code,
    lines.line_item_availability_zone as availability_zone,
    lines.line_item_resource_id as resource_id,
    lines.line_item_usage_type as usage_type,
    lines.line_item_operation as operation,
    lines.product_sku as sku,
    lines.pricing_rate_code as rate_code,
    lines.pricing_unit as pricing_unit,
    lines.pricing_term as pricing_term,
    lines.resource_tags,
    lines.identity_time_interval as time_interval,
    -- ARNs name an instance by path, usage lines of EC2 by its id alone.
    nullif(regexp_extract(lines.split_line_item_parent_resource_id, '[^/]*$'), '') as split_parent_resource_id,
    lines.capacity_reservation_capacity_reservation_arn as capacity_reservation_arn,
    lines.capacity_reservation_capacity_reservation_status as capacity_reservation_status,

    lines.line_item_usage_amount as usage_amount,
    lines.line_item_normalized_usage_amount as normalized_usage_amount,
    lines.pricing_public_on_demand_rate as public_on_demand_rate,

    coalesce(lines.line_item_unblended_cost, 0) as unblended_cost,
    lines.line_item_net_unblended_cost as net_unblended_cost,
    {{ money('lines.cost_after_discounts') }} as cost_after_discounts,
    lines.pricing_public_on_demand_cost as public_on_demand_cost,
    lines.discount as discounts,
    {{ money('lines.discount_total_discount') }} as total_discount,
    {{ money('lines.discount_edp_discount') }} as edp_discount,
    {{ money('lines.discount_private_rate_discount') }} as private_rate_discount,
    {{ money('lines.discount_bundled_discount') }} as bundled_discount,
    {{ money('lines.discount_spp_discount') }} as spp_discount,
    {{ money('lines.discount_ri_volume_discount') }} as ri_volume_discount,

    lines.split_line_item_split_cost as split_cost,
    lines.split_line_item_unused_cost as split_unused_cost,
    {{ money('lines.split_line_item_net_split_cost') }} as net_split_cost,
    {{ money('lines.split_line_item_net_unused_cost') }} as net_split_unused_cost,
    {{ money('lines.split_line_item_public_on_demand_split_cost') }} as list_split_cost,
    {{ money('lines.split_line_item_public_on_demand_unused_cost') }} as list_split_unused_cost,

    lines.savings_plan_savings_plan_a_r_n as savings_plan_arn,
    lines.savings_plan_savings_plan_effective_cost as savings_plan_effective_cost,
    lines.savings_plan_net_savings_plan_effective_cost as net_savings_plan_effective_cost,
    lines.savings_plan_total_commitment_to_date as savings_plan_total_commitment,
    lines.savings_plan_used_commitment as savings_plan_used_commitment,
    lines.savings_plan_recurring_commitment_for_billing_period as savings_plan_recurring,
    {{ money('lines.savings_plan_amortized_upfront_commitment_for_billing_period') }} as savings_plan_upfront,
    {{ money('lines.savings_plan_net_recurring_commitment_for_billing_period') }} as net_savings_plan_recurring,
    {{ money('lines.savings_plan_net_amortized_upfront_commitment_for_billing_period') }} as net_savings_plan_upfront,
    lines.reservation_reservation_a_r_n as reservation_arn,
    lines.reservation_subscription_id,
    lines.reservation_effective_cost,
    lines.reservation_net_effective_cost as net_reservation_effective_cost,
    lines.reservation_unused_amortized_upfront_fee_for_billing_period as reservation_unused_upfront,
    lines.reservation_unused_recurring_fee,
    {{ money('lines.reservation_net_unused_amortized_upfront_fee_for_billing_period') }} as net_reservation_unused_upfront,
    {{ money('lines.reservation_net_unused_recurring_fee') }} as net_reservation_unused_recurring_fee,
    lines.reservation_unused_quantity,
    lines.reservation_unused_normalized_unit_quantity as reservation_unused_normalized_quantity,
    cast(lines.reservation_total_reserved_normalized_units as decimal(38, 12)) as reservation_total_normalized_units,
    coalesce(nullif(lines.savings_plan_start_time, ''), nullif(lines.reservation_start_time, '')) as commitment_start_text,
    coalesce(nullif(lines.savings_plan_end_time, ''), nullif(lines.reservation_end_time, '')) as commitment_end_text,
    coalesce(nullif(lines.savings_plan_purchase_term, ''), nullif(lines.pricing_lease_contract_length, '')) as commitment_term_text,
    coalesce(nullif(lines.savings_plan_payment_option, ''), nullif(lines.pricing_purchase_option, '')) as commitment_payment_option
from {{ landed('cur') }} as lines
inner join {{ ref('int_deliveries__current') }} as deliveries
    on
        lines.x_delivery_id = deliveries.delivery_id
        and lines.x_source = deliveries.x_source
        and lines.x_billing_period = deliveries.billing_period
where deliveries.is_new
