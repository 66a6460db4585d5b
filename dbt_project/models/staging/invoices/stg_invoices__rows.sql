-- Invoices as they were landed: lines, and totals where line_number is NULL. Grain: invoice × currency × line.
-- x_source is the bill that is invoiced, not the source that the invoice came from.
select
    lines.bill as x_source,
    lines.billing_period,
    lines.invoice_id,
    lines.seller,
    cast(lines.issued_on as date) as issued_on,
    cast(lines.due_on as date) as due_on,
    lines.line_number,
    coalesce(lines.category, 'usage') as category,
    lines.description,
    lines.amount,
    upper(lines.currency) as currency,
    upper(coalesce(lines.charge_currency, lines.currency)) as charge_currency,
    lines.exchange_rate,
    coalesce(lines.charge_period, lines.billing_period) as charge_period,
    lines.x_source as invoice_source,
    lines.x_delivery_id,
    lines.x_source_file,
    lines.x_source_row
from {{ landed('invoices') }} as lines
inner join {{ ref('stg_finops__invoice_deliveries') }} as deliveries
    on
        lines.x_source = deliveries.x_source
        and lines.x_billing_period = deliveries.billing_period
        and lines.x_delivery_id = deliveries.delivery_id
where deliveries.is_current
