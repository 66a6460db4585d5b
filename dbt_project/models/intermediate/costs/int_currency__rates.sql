-- Rates into the reporting currency. Grain: billing period × currency. The reporting currency itself has rate 1.
select
    billing_period,
    from_currency,
    rate
from {{ ref('int_currency__decided_rates') }}
where to_currency = '{{ var("reporting_currency") }}' and from_currency <> '{{ var("reporting_currency") }}'
union all
select distinct
    billing_period,
    '{{ var("reporting_currency") }}' as from_currency,
    cast(1 as decimal(18, 10)) as rate
from {{ ref('stg_finops__deliveries') }}
