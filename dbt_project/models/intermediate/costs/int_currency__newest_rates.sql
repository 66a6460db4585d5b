-- The newest known rate of each currency into the reporting currency, for what is no month's cost: thresholds, plans, offers.
-- Grain: currency.
select
    from_currency,
    max_by(rate, billing_period) as rate
from {{ ref('int_currency__rates') }}
group by from_currency
