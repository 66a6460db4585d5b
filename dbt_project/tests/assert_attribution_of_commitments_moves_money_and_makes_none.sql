-- Per day, billing account and component, what commitments' attribution moves sums to nothing, to the last decimal.
select
    x_source,
    charge_date,
    billing_account_id,
    component,
    sum(moved_amount) as moved
from {{ ref('fct_commitment_attribution') }}
group by x_source, charge_date, billing_account_id, component
having sum(moved_amount) <> 0
