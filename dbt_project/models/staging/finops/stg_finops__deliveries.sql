-- Deliveries now in landing. Grain: source × billing period.
select
    delivery_id,
    {{ hash_of(['source', 'billing_period', 'delivery_id']) }} as delivery_version,
    source as x_source,
    provider as x_provider,
    dataset,
    billing_period,
    row_count,
    has_amortized
from {{ landed_register('deliveries') }}
