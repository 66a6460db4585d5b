-- Every delivery of invoices that landing knows, current and previous. Grain: source × billing period × sequence.
select
    source as x_source,
    billing_period,
    sequence,
    delivery_id,
    previous_delivery_id,
    provider as x_provider,
    dataset,
    landed_at,
    delivered_at,
    row_count,
    file_count,
    manifest,
    is_current,
    has_rows
from {{ landed_register('delivery_chain') }}
where dataset = 'invoices'
