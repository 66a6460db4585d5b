-- What was expected of each day, what came, and how final it is. Grain: source × billing currency × day.
with

days as (
    select * from {{ ref('int_completeness__days') }}
),

months as (
    select * from {{ ref('int_completeness__months') }}
),

maturity as (
    select * from {{ ref('int_completeness__maturity') }}
)

select
    days.x_source,
    days.provider,
    days.charge_date,
    days.billing_period,
    days.billing_currency,
    cast(case
        when not coalesce(months.has_delivery, true) then 'missing_month'
        when days.received_lines = 0 and days.is_daily then 'missing'
        when days.received_lines = 0 then 'nothing_expected'
        when days.age_days < months.mature_after_days then 'maturing'
        when days.is_daily and days.received_lines * 2 < days.expected_lines then 'thin'
        else 'complete'
    end as varchar) as status,
    days.expected_lines,
    days.received_lines,
    days.expected_cost,
    days.received_effective_cost,
    days.received_billed_cost,
    days.as_of_date,
    days.age_days,
    maturity.known_share,
    months.mature_after_days,
    months.mature_basis,
    months.safe_to_close_from,
    months.is_safe_to_close,
    months.why_not
from days
left join months on days.x_source = months.x_source and days.billing_period = months.billing_period
left join maturity
    on
        days.x_source = maturity.x_source
        and days.billing_currency = maturity.billing_currency
        and least(days.age_days, 60) = maturity.age_days
