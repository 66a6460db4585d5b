-- How much of a month a driver measured, up to the last charge of a running month. Grain: driver × billing period.
-- A measurement stands for the days to the next one: one for a day where two follow each other, seven for a weekly driver,
-- and the one of a month for all of it.
with

days as (
    select
        billing_period,
        max(charge_date) as last_charge_date
    from {{ ref('int_allocation__classified') }}
    group by billing_period
),

measured as (
    select distinct
        driver,
        {{ month_of('date') }} as billing_period,
        date as measured_on
    from {{ ref('stg_decisions__drivers') }}
),

spaced as (
    select
        *,
        lead(measured_on) over (partition by driver, billing_period order by measured_on) as next_measured_on
    from measured
),

counted as (
    select
        driver,
        billing_period,
        count(*) as measurements,
        min({{ dbt.datediff('measured_on', 'next_measured_on', 'day') }}) as days_each
    from spaced
    group by driver, billing_period
),

compared as (
    select
        counted.*,
        least(
            {{ dbt.datediff('periods.first_day', 'periods.next_first_day', 'day') }},
            greatest({{ dbt.datediff('periods.first_day', 'days.last_charge_date', 'day') }} + 1, 1)
        ) as days_in_period
    from counted
    inner join {{ ref('int_allocation__periods') }} as periods on counted.billing_period = periods.billing_period
    inner join days on counted.billing_period = days.billing_period
)

select
    driver,
    billing_period,
    measurements,
    days_each,
    days_in_period,
    case
        when days_each is null then cast(1 as decimal(19, 18))
        else {{ share_of('least(measurements * days_each, days_in_period)', 'days_in_period') }}
    end as completeness
from compared
