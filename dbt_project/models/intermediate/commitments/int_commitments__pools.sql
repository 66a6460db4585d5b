-- The pool that a commitment draws from: the program on which most of its money was used. Grain: source × commitment × currency.
-- A pool is what may share a commitment: one billing account's usage of one program in one currency.
select
    x_source,
    commitment_id,
    currency,
    provider,
    billing_account_id,
    program,
    {{ pool_id() }} as pool_id
from {{ ref('int_commitments__spans') }}
where commitment_id is not null
group by x_source, commitment_id, currency, provider, billing_account_id, program
qualify row_number() over (
    partition by x_source, commitment_id, currency
    order by sum(case when status = 'used' then effective_cost else 0 end) desc, program asc, billing_account_id asc
) = 1
