-- From when a month may be closed, and why not yet. Grain: source × billing period, gaps between months included.
with

lags as (
    select * from {{ ref('int_completeness__lags') }}
),

days as (
    select * from {{ ref('int_completeness__days') }}
),

deliveries as (
    select
        x_source,
        billing_period,
        cast(delivered_at as date) as delivered_date
    from {{ ref('stg_finops__delivery_chain') }}
    where is_current
),

spans as (
    select
        x_source,
        min({{ first_day_of('billing_period') }}) as first_month,
        max({{ first_day_of('billing_period') }}) as last_month,
        max(delivered_date) as as_of_date
    from deliveries
    group by x_source
),

months as (
    select distinct
        spans.x_source,
        spans.as_of_date,
        {{ month_of('calendar.charge_date') }} as billing_period
    from spans
    cross join {{ days_between('spans.first_month', 'spans.last_month') }} as calendar
),

missing_days as (
    select
        x_source,
        billing_period,
        count(*) as missing_days,
        min(charge_date) as first_missing_date
    from days
    where is_daily and received_lines = 0
    group by x_source, billing_period
),

dated as (
    select
        months.x_source,
        lags.provider,
        months.billing_period,
        months.as_of_date,
        deliveries.delivered_date,
        deliveries.x_source is not null as has_delivery,
        lags.mature_after_days,
        lags.mature_basis,
        coalesce(missing_days.missing_days, 0) as missing_days,
        missing_days.first_missing_date,
        {{ last_day_of('months.billing_period') }} as last_day
    from months
    inner join lags on months.x_source = lags.x_source
    left join deliveries
        on months.x_source = deliveries.x_source and months.billing_period = deliveries.billing_period
    left join missing_days
        on months.x_source = missing_days.x_source and months.billing_period = missing_days.billing_period
),

judged as (
    select
        *,
        {{ plus_days('last_day', 'mature_after_days') }} as safe_to_close_from,
        case when not has_delivery then 'no delivery of this month' end as no_delivery,
        case
            when delivered_date <= last_day
                then 'the newest delivery is of ' || cast(delivered_date as varchar) || ', before the month ended'
        end as not_over,
        case
            when has_delivery and missing_days > 0
                then cast(missing_days as varchar) || ' day(s) without rows from ' || cast(first_missing_date as varchar)
        end as has_gaps,
        case
            when as_of_date < {{ plus_days('last_day', 'mature_after_days') }}
                then 'rows may still change until ' || cast({{ plus_days('last_day', 'mature_after_days') }} as varchar)
        end as not_mature
    from dated
)

select
    x_source,
    provider,
    billing_period,
    as_of_date,
    has_delivery,
    missing_days,
    mature_after_days,
    mature_basis,
    safe_to_close_from,
    coalesce(no_delivery, not_over, has_gaps, not_mature) is null as is_safe_to_close,
    nullif(concat_ws('; ', no_delivery, not_over, has_gaps, not_mature), '') as why_not
from judged
