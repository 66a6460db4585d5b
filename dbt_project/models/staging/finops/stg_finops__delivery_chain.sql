-- Every delivery of a bill that landing knows, current and previous. Grain: source × billing period × sequence.
select
    source as x_source,
    billing_period,
    sequence,
    delivery_id,
    {{ hash_of(['source', 'billing_period', 'delivery_id']) }} as delivery_version,
    previous_sequence,
    previous_delivery_id,
    case
        when previous_delivery_id is not null then {{ hash_of(['source', 'billing_period', 'previous_delivery_id']) }}
    end as previous_version,
    previous_row_count,
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
where dataset <> 'invoices'
