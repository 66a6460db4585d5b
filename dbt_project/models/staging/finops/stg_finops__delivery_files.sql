-- The source files of every delivery. Grain: source × billing period × sequence × part × file.
select
    source as x_source,
    billing_period,
    sequence,
    delivery_id,
    part as x_dataset,
    uri,
    file as source_file,
    sha256,
    etag,
    bytes,
    modified_at,
    row_count,
    first_row,
    last_row
from {{ landed_register('delivery_files') }}
