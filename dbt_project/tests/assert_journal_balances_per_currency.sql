-- A journal whose debits and credits differ.
select journal_id, currency, sum(debit) - sum(credit) as difference
from {{ ref('fct_chargeback_journal') }}
group by journal_id, currency
having sum(debit) <> sum(credit)
