-- Azure actual and amortised cost details of the deliveries that the ledger does not hold yet. Grain: one row per line.
select
    lines.x_source,
    lines.x_billing_period,
    deliveries.ledger_version as x_delivery_version,
    deliveries.has_amortized,
    lines.x_delivery_id,
    lines.x_source_file,
    lines.x_source_row,
    lines.x_dataset,

    lines.charge_type,
    coalesce(nullif(lower(replace(lines.charge_type, ' ', '')), ''), 'usage') as charge_kind,
    lines.pricing_model,
    lines.frequency,
    -- Lines without a cost may have no date of their own; the gate lets no others through.
    coalesce(lines.date, lines.billing_period_start_date) as charge_date,
    lines.billing_account_id,
    lines.billing_account_name,
    lines.billing_profile_id,
    lines.billing_profile_name,
    lines.subscription_id,
    lines.subscription_name,
    lines.invoice_id,
    lines.previous_invoice_id,
    lines.publisher_name,
    lines.publisher_type,
    lines.partner_name,
    lines.billing_currency as currency,
    lines.pricing_currency,

    lines.consumed_service,
    lines.meter_category,
    lines.meter_sub_category,
    lines.meter_id,
    lines.meter_name,
    lines.part_number,
    lines.product_id,
    lines.product_name,
    lines.offer_id,
    lines.unit_of_measure,
    lines.resource_location,
    lines.availability_zone,
    lines.resource_group,
    lines.resource_id,
    lines.resource_name,
    lines.resource_type,
    lines.tags,
    lines.additional_info,
    lines.benefit_id,
    lines.benefit_name,
    lines.reservation_id,
    lines.reservation_name,
    lines.term as commitment_term_text,
    lines.product_order_id,
    lines.product_order_name,

    lines.quantity,
    lines.effective_price,
    lines.unit_price,
    lines.payg_price,
    lines.exchange_rate,
    coalesce(lines.cost_in_billing_currency, 0) as cost,
    {{ money('lines.cost_in_pricing_currency') }} as cost_in_pricing_currency,
    lines.payg_cost_in_billing_currency as payg_cost
from {{ landed('cost_details') }} as lines
inner join {{ ref('int_deliveries__current') }} as deliveries
    on
        lines.x_delivery_id = deliveries.delivery_id
        and lines.x_source = deliveries.x_source
        and lines.x_billing_period = deliveries.billing_period
where deliveries.is_new
