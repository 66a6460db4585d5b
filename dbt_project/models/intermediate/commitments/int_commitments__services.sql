-- Which services a commitment covers. Grain: source × commitment × service.
select distinct
    x_source,
    commitment_id,
    service_name
from {{ ref('int_commitments__spans') }}
where commitment_id is not null and status = 'used'
