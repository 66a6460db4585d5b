-- The days that the bill is replayed over: the newest 30 that rules and bill both know. Grain: one row.
with

hours as (
    select min(charge_date) as first_day, max(charge_date) as last_day from {{ ref('int_commitments__hours') }}
),

ends as (
    select
        hours.first_day,
        least(hours.last_day, clock.run_date) as last_day
    from hours
    cross join {{ ref('int_optimization__clock') }} as clock
)

select
    greatest(first_day, {{ plus_days('last_day', -29) }}) as first_day,
    last_day,
    {{ days_from('greatest(first_day, ' ~ plus_days('last_day', -29) ~ ')', 'last_day') }} + 1 as days
from ends
