-- GCP billing export rows of the deliveries that the ledger does not hold yet. Grain: one row per exported row.
select
    lines.x_source,
    lines.x_billing_period,
    deliveries.ledger_version as x_delivery_version,
    lines.x_delivery_id,
    lines.x_source_file,
    lines.x_source_row,

    lines.billing_account_id,
    lines.project_id,
    lines.project_name,
    lines.project_ancestry_numbers,
    lines.service_id,
    lines.service_description,
    lines.sku_id,
    lines.sku_description,
    lines.usage_start_time,
    lines.usage_end_time,
    lines.invoice_month,
    lines.currency,
    lines.currency_conversion_rate,
    lines.cost_type,
    lines.adjustment_info_type as adjustment_type,
    lines.adjustment_info_description as adjustment_description,
    lines.transaction_type,
    lines.seller_name,
    lines.subscription_instance_id,
    lines.consumption_model_id,
    lines.consumption_model_description,
    lines.location_region,
    lines.location_zone,
    lines.location_location,
    lines.resource_name,
    lines.resource_global_name,
    lines.labels,
    lines.project_labels,
    lines.system_labels,
    lines.tags,

    lines.usage_amount,
    lines.usage_unit,
    lines.usage_amount_in_pricing_units,
    lines.usage_pricing_unit,
    lines.price_list_price as list_price,
    coalesce(lines.price_effective_price_default, lines.price_effective_price) as contracted_price,
    lines.price_tier_start_amount as tier_start_amount,

    coalesce(lines.cost, 0) as cost,
    coalesce(lines.credits_total, 0) as credits_total,
    lines.credits,
    lines.cost_at_list,
    lines.cost_at_effective_price_default
from {{ landed('billing_export') }} as lines
inner join {{ ref('int_deliveries__current') }} as deliveries
    on
        lines.x_delivery_id = deliveries.delivery_id
        and lines.x_source = deliveries.x_source
        and lines.x_billing_period = deliveries.billing_period
where deliveries.is_new
