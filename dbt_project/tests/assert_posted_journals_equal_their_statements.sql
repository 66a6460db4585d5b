-- A posted journal that does not book what its statement says, to the cent. Exchange rates' lines have no amount of their own.
with

statements as (
    select sequence, billing_period, cost_center_id, currency, sum(amount) as amount
    from {{ ref('stg_finops__book_lines') }}
    where kind not in ('rounding', 'fx') and sequence in (select j.sequence from {{ ref('stg_finops__book_journal') }} as j)
    group by sequence, billing_period, cost_center_id, currency
),

journals as (
    select sequence, origin_period as billing_period, cost_center_id, currency, sum(debit) - sum(credit) as amount
    from {{ ref('stg_finops__book_journal') }}
    where cost_center_id <> '~fx'
    group by sequence, origin_period, cost_center_id, currency
)

select sequence, billing_period, cost_center_id, currency, statements.amount as stated, journals.amount as booked
from statements
full join journals using (sequence, billing_period, cost_center_id, currency)
where coalesce(statements.amount, 0) <> coalesce(journals.amount, 0)
