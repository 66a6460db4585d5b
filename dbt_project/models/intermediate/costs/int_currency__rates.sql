-- Rates into the reporting currency. Grain: billing period × currency. The reporting currency itself has rate 1.
-- A closed month keeps the rates that it was closed at; what fx_rates.csv says of it today stands beside them.
with

kept as (
    select rates.billing_period, rates.from_currency, rates.rate, rates.rate_type, rates.source
    from {{ ref('stg_finops__book_rates') }} as rates
    inner join {{ ref('int_books__closings') }} as closings on rates.sequence = closings.sequence
    where rates.to_currency = '{{ var("reporting_currency") }}'
),

decided as (
    select billing_period, from_currency, rate, rate_type, source
    from {{ ref('int_currency__decided_rates') }}
    where to_currency = '{{ var("reporting_currency") }}' and from_currency <> '{{ var("reporting_currency") }}'
)

select
    coalesce(kept.billing_period, decided.billing_period) as billing_period,
    coalesce(kept.from_currency, decided.from_currency) as from_currency,
    coalesce(kept.rate, decided.rate) as rate,
    case when kept.rate is not null then kept.rate_type else decided.rate_type end as rate_type,
    case when kept.rate is not null then kept.source else decided.source end as source,
    kept.rate is not null as is_kept,
    decided.rate as decided_rate
from kept
full join decided on kept.billing_period = decided.billing_period and kept.from_currency = decided.from_currency
union all
select distinct
    billing_period,
    '{{ var("reporting_currency") }}' as from_currency,
    cast(1 as decimal(18, 10)) as rate,
    cast(null as varchar) as rate_type,
    cast(null as varchar) as source,
    false as is_kept,
    cast(1 as decimal(18, 10)) as decided_rate
from {{ ref('stg_finops__deliveries') }}
