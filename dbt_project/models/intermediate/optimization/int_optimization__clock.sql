-- The day that rules look back from: the newest that signals know, else the newest of the bill. Grain: one row.
-- Taken from the data, so that building twice gives the same rows.
select
    coalesce(
        (select max(day) from {{ ref('stg_usage__inventory') }}),
        (select max(charge_date) from {{ ref('fct_daily_costs') }})
    ) as run_date
