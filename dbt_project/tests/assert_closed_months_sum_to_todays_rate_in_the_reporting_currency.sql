-- A closed month keeps its rate, and its fx lines make up for today's: together they are its amount at today's rate.
-- Off by more than what rounding each line to 12 decimals may add up to.
select
    lines.billing_period,
    lines.x_source,
    lines.currency,
    sum(lines.amount_reporting) as stated,
    sum(lines.amount) * coalesce(rates.decided_rate, rates.rate) as expected
from {{ ref('fct_chargeback') }} as lines
inner join {{ ref('int_currency__rates') }} as rates
    on lines.billing_period = rates.billing_period and lines.currency = rates.from_currency
where rates.is_kept and rates.decided_rate is not null
group by lines.billing_period, lines.x_source, lines.currency, rates.decided_rate, rates.rate
having abs(sum(lines.amount_reporting) - sum(lines.amount) * coalesce(rates.decided_rate, rates.rate)) > 0.000001
