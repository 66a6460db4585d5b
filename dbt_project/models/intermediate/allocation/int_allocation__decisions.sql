-- The decisions that every month's allocation depends on, as one version. Grain: one row.
-- Rates and drivers are of a month each, and are part of that month's version.
select {{ hash_of(["string_agg(decision || '=' || decision_hash, ',' order by decision)"]) }} as version
from {{ ref('stg_finops__decision_files') }}
where decides_allocation and decision not in ('fx_rates', 'drivers')
