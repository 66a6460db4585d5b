-- From a delivery to its source files. Grain: source × billing period × sequence × part × file.
-- A ledger line's x_source, x_billing_period, x_delivery_id, x_dataset and x_source_file (up to a ! for a zip's member)
-- name its row here; x_source_row lies between first_row and last_row.
select
    files.x_source,
    files.billing_period,
    files.sequence,
    files.delivery_id,
    chain.is_current,
    files.x_dataset,
    files.uri,
    files.source_file,
    files.sha256,
    files.etag,
    files.bytes,
    files.modified_at,
    files.row_count,
    files.first_row,
    files.last_row
from {{ ref('stg_finops__delivery_files') }} as files
inner join {{ ref('stg_finops__delivery_chain') }} as chain
    on
        files.x_source = chain.x_source
        and files.billing_period = chain.billing_period
        and files.sequence = chain.sequence
        and files.delivery_id = chain.delivery_id
