-- The columns that every delivery's files have. Grain: source × billing period × sequence × column.
select
    source as x_source,
    billing_period,
    sequence,
    delivery_id,
    column_name,
    source_name,
    column_type,
    is_contract
from {{ landed_register('delivery_columns') }}
