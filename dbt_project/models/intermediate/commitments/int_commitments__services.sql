-- Which services a commitment covers. Grain: source × commitment × service.
select distinct
    x_source,
    commitment_discount_id as commitment_id,
    service_name
from {{ ref('int_commitments__eligible') }}
where is_committed and commitment_discount_status = 'Used'
