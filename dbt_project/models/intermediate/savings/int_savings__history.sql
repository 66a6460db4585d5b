-- Since when a recommendation has been made without a break, and when it was last made. Grain: recommendation.
-- Days are days of data: building twice on the same data adds none.
with

history as (
    select run_date, recommendation_id from {{ ref('stg_results__recommendation_history') }}
),

days as (
    select run_date, lag(run_date) over (order by run_date) as previous_date
    from (select distinct run_date from history) as seen
),

stepped as (
    select
        history.recommendation_id,
        history.run_date,
        days.previous_date,
        lag(history.run_date) over (partition by history.recommendation_id order by history.run_date) as made_before
    from history
    inner join days on history.run_date = days.run_date
),

starts as (
    select
        recommendation_id,
        min(run_date) as first_seen_date,
        max(run_date) as last_seen_date,
        max(case when made_before is null or made_before <> previous_date then run_date end) as in_a_row_since
    from stepped
    group by recommendation_id
)

select * from starts
