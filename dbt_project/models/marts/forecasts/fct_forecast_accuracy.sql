-- How right forecasts are: candidates at earlier origins (backtest), and vintages against what has come since (vintage).
-- Grain: vintage × series × grain × evidence × model. Every ratio is a ratio of sums.
with

backtests as (
    select * from {{ ref('stg_results__forecast_backtests') }}
),

tested as (
    select
        vintage_id,
        vintage_date,
        series_id,
        grain,
        'backtest' as evidence,
        model,
        sum(periods) as periods,
        sum(actual) as actual,
        sum(forecast) as forecast,
        sum(absolute_error) as absolute_error,
        sum(absolute_actual) as absolute_actual,
        cast(null as double) as mape,
        sum(naive_error * periods) as naive_error,
        sum(covered80 * periods) as covered80,
        sum(covered95 * periods) as covered95
    from backtests
    group by vintage_id, vintage_date, series_id, grain, model
),

costs as (
    select * from {{ ref('int_forecasts__costs') }}
    where completion = 1
),

known as (
    select
        'total|' || currency as series_id,
        charge_date,
        sum(cost) as cost
    from costs
    group by currency, charge_date
    union all
    select
        'provider|' || provider || '|' || currency as series_id,
        charge_date,
        sum(cost) as cost
    from costs
    group by provider, currency, charge_date
    union all
    select
        'department|' || department || '|' || currency as series_id,
        charge_date,
        sum(cost) as cost
    from costs
    group by department, currency, charge_date
    union all
    select
        'cost_center|' || cost_center_id || '|' || currency as series_id,
        charge_date,
        sum(cost) as cost
    from costs
    group by cost_center_id, currency, charge_date
),

came as (
    select
        points.vintage_id,
        points.vintage_date,
        points.series_id,
        points.grain,
        'vintage' as evidence,
        'Combined' as model,
        count(*) as periods,
        cast(sum(known.cost) as double) as actual,
        cast(sum(points.yhat) as double) as forecast,
        cast(sum(abs(points.yhat - known.cost)) as double) as absolute_error,
        cast(sum(abs(known.cost)) as double) as absolute_actual,
        case
            when count(nullif(known.cost, 0)) = count(*)
                then avg(cast(abs(points.yhat - known.cost) as double) / nullif(cast(abs(known.cost) as double), 0))
        end as mape,
        cast(null as double) as naive_error,
        cast(sum(case when known.cost between points.lo80 and points.hi80 then 1 else 0 end) as double) as covered80,
        cast(sum(case when known.cost between points.lo95 and points.hi95 then 1 else 0 end) as double) as covered95
    from {{ ref('stg_results__forecast_points') }} as points
    inner join known on points.series_id = known.series_id and points.forecast_date = known.charge_date
    where points.grain = 'day' and points.scenario = 'likely'
    group by points.vintage_id, points.vintage_date, points.series_id, points.grain
),

judged as (
    select * from tested
    union all
    select * from came
)

select
    series_id,
    vintage_id,
    vintage_date,
    grain,
    evidence,
    model,
    cast(periods as bigint) as periods,
    cast(actual as decimal(28, 12)) as actual_cost,
    cast(forecast as decimal(28, 12)) as forecast_cost,
    cast(absolute_error / nullif(absolute_actual, 0) as decimal(28, 6)) as wape,
    cast(1 - absolute_error / nullif(absolute_actual, 0) as decimal(28, 6)) as accuracy,
    cast(mape as decimal(28, 6)) as mape,
    cast(absolute_error / nullif(naive_error, 0) as decimal(28, 6)) as mase,
    cast((forecast - actual) / nullif(absolute_actual, 0) as decimal(28, 6)) as bias,
    cast(covered80 / periods as decimal(18, 6)) as coverage80,
    cast(covered95 / periods as decimal(18, 6)) as coverage95
from judged
