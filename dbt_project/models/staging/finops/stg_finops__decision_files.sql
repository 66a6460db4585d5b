-- The decision files as landed. Grain: file.
select
    decision,
    decision_hash,
    row_count,
    decides_allocation
from {{ landed_register('decision_files') }}
