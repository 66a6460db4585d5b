-- What the current deliveries say of each day. Grain: source × billing currency × day, without gaps from the first day of
-- the source's first month to the newest day that was over when its newest file was written.
with

sources as (
    select
        x_source,
        min(x_provider) as provider,
        min({{ first_day_of('billing_period') }}) as first_day,
        max({{ last_day_of('billing_period') }}) as last_day,
        max(cast(delivered_at as date)) as as_of_date
    from {{ ref('stg_finops__delivery_chain') }}
    group by x_source
),

received as (
    select
        totals.x_source,
        totals.billing_currency,
        totals.charge_date,
        cast(sum(totals.charge_lines) as bigint) as charge_lines,
        {{ money('sum(totals.billed_cost)') }} as billed_cost,
        {{ money('sum(totals.effective_cost)') }} as effective_cost
    from {{ ref('int_deliveries__daily_totals') }} as totals
    inner join {{ ref('int_deliveries__current') }} as deliveries
        on totals.x_delivery_version = deliveries.delivery_version
    group by totals.x_source, totals.billing_currency, totals.charge_date
),

-- Days that are due: of months that landed, and over when the source's newest file was written.
due as (
    select distinct
        sources.x_source,
        days.charge_date
    from sources
    inner join {{ ref('int_deliveries__current') }} as deliveries on sources.x_source = deliveries.x_source
    cross join {{ days_between(first_day_of('deliveries.billing_period'), last_day_of('deliveries.billing_period')) }} as days
    where days.charge_date < sources.as_of_date
),

spans as (
    select
        sources.x_source,
        sources.provider,
        sources.as_of_date,
        received.billing_currency,
        min(case when received.charge_date >= sources.first_day then received.charge_date end) as first_day,
        least({{ plus_days('sources.as_of_date', -1) }}, sources.last_day) as last_due_date,
        min(received.charge_date) as first_charge_date,
        max(received.charge_date) as last_charge_date
    from sources
    inner join received on sources.x_source = received.x_source
    group by sources.x_source, sources.provider, sources.as_of_date, sources.last_day, received.billing_currency
),

-- A source (or currency) that has rows on at least 19 of 20 due days, since its first, always has rows.
habits as (
    select
        spans.x_source,
        spans.billing_currency,
        count(received.charge_date) * 20 >= count(*) * 19 as is_daily
    from spans
    inner join due on spans.x_source = due.x_source and spans.first_day <= due.charge_date
    left join received
        on
            due.x_source = received.x_source
            and spans.billing_currency = received.billing_currency
            and due.charge_date = received.charge_date
    group by spans.x_source, spans.billing_currency
),

calendar as (
    select
        spans.x_source,
        spans.provider,
        spans.as_of_date,
        spans.billing_currency,
        coalesce(habits.is_daily, false) as is_daily,
        days.charge_date,
        days.charge_date between spans.first_day and spans.last_due_date as is_due
    from spans
    left join habits on spans.x_source = habits.x_source and spans.billing_currency = habits.billing_currency
    cross join {{ days_between(
        'least(spans.first_day, spans.first_charge_date)', 'greatest(spans.last_due_date, spans.last_charge_date)'
    ) }} as days
),

-- What is usual: the median of the 28 days before that have rows (a value that occurred, so no average of money).
usual as (
    select
        today.x_source,
        today.billing_currency,
        today.charge_date,
        {{ median_of('earlier.charge_lines') }} as expected_lines,
        {{ median_of('earlier.effective_cost') }} as expected_cost
    from calendar as today
    inner join received as earlier
        on
            today.x_source = earlier.x_source
            and today.billing_currency = earlier.billing_currency
            and earlier.charge_date >= {{ plus_days('today.charge_date', -28) }}
            and earlier.charge_date < today.charge_date
    group by today.x_source, today.billing_currency, today.charge_date
    -- A week at least; fewer days are no habit.
    having count(*) >= 7
)

select
    calendar.x_source,
    calendar.provider,
    calendar.billing_currency,
    calendar.charge_date,
    {{ month_of('calendar.charge_date') }} as billing_period,
    calendar.as_of_date,
    calendar.is_daily,
    cast({{ days_from('calendar.charge_date', 'calendar.as_of_date') }} as bigint) as age_days,
    coalesce(received.charge_lines, 0) as received_lines,
    coalesce(received.billed_cost, {{ money('0') }}) as received_billed_cost,
    coalesce(received.effective_cost, {{ money('0') }}) as received_effective_cost,
    usual.expected_lines,
    usual.expected_cost
from calendar
left join received
    on
        calendar.x_source = received.x_source
        and calendar.billing_currency = received.billing_currency
        and calendar.charge_date = received.charge_date
left join usual
    on
        calendar.x_source = usual.x_source
        and calendar.billing_currency = usual.billing_currency
        and calendar.charge_date = usual.charge_date
-- A stray charge of another time makes a row of its day, not a gap up to it.
where calendar.is_due or received.x_source is not null
