-- The decisions that the marts were built with. Grain: decision file.
select
    decision,
    decision_hash as version,
    row_count
from {{ ref('stg_finops__decision_files') }}
