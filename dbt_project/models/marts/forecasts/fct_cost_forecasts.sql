-- What costs were expected to be, in every vintage. Grain: vintage × series × grain × date × scenario.
with

points as (
    select * from {{ ref('stg_results__forecast_points') }}
),

series as (
    select * from {{ ref('stg_results__forecast_series') }}
),

newest as (
    select vintage_id
    from (select distinct vintage_id, vintage_date from points) as vintages
    qualify row_number() over (order by vintage_date desc, length(vintage_id) desc, vintage_id desc) = 1
)

select
    points.series_id,
    points.vintage_id,
    points.vintage_date,
    newest.vintage_id is not null as is_latest,
    points.grain,
    points.forecast_date,
    points.scenario,
    series.series_level,
    series.x_source,
    series.provider,
    series.service_name,
    series.cost_center_id,
    series.department,
    series.currency,
    series.model,
    series.status,
    series.assumptions,
    points.yhat,
    points.lo80,
    points.hi80,
    points.lo95,
    points.hi95,
    points.known_cost,
    points.scheduled_cost,
    points.planned_cost
from points
inner join series on points.vintage_id = series.vintage_id and points.series_id = series.series_id
left join newest on points.vintage_id = newest.vintage_id
