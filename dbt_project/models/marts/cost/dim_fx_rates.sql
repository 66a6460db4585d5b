-- The rate of each month and currency into the reporting currency, and why it is that one. Grain: billing period × currency.
select
    billing_period,
    from_currency,
    cast('{{ var("reporting_currency") }}' as varchar) as to_currency,
    rate,
    rate_type,
    source,
    is_kept,
    decided_rate,
    coalesce(is_kept and decided_rate <> rate, false) as is_superseded
from {{ ref('int_currency__rates') }}
where from_currency <> '{{ var("reporting_currency") }}'
