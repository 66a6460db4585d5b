{{ config(materialized='view') }}
-- What a provider's costs of the next year (10 %, likely, 90 %) are of those of now, per day. Grain: provider × currency. Services are no measure:
-- forecasts pool the small leaves of all of them. A view, as forecasts are made after the build.
with

newest as (
    select vintage_id
    from (select distinct vintage_id, vintage_date from {{ ref('stg_results__forecast_points') }}) as vintages
    qualify row_number() over (order by vintage_date desc, length(vintage_id) desc, vintage_id desc) = 1
),

expected as (
    select
        series.provider,
        series.currency,
        {{ money('sum(points.lo80)') }} as low,
        {{ money('sum(points.yhat)') }} as likely,
        {{ money('sum(points.hi80)') }} as high,
        cast(sum({{ days_from('points.forecast_date', plus_months('points.forecast_date', '1')) }}) as integer) as days
    from {{ ref('stg_results__forecast_points') }} as points
    inner join newest on points.vintage_id = newest.vintage_id
    inner join {{ ref('stg_results__forecast_series') }} as series
        on points.vintage_id = series.vintage_id and points.series_id = series.series_id
    where series.series_level = 'provider' and points.grain = 'month' and points.scenario = 'likely'
    group by series.provider, series.currency
),

spent as (
    select
        costs.provider,
        costs.billing_currency as currency,
        {{ money('sum(costs.effective_cost)') }} as cost,
        cast(max(looked_at.days) as integer) as days
    from {{ ref('fct_daily_costs') }} as costs
    cross join {{ ref('int_savings__window') }} as looked_at
    where costs.charge_date between looked_at.first_day and looked_at.last_day
    group by costs.provider, costs.billing_currency
)

select
    spent.provider,
    spent.currency,
    {{ ratio('expected.low * spent.days', 'spent.cost * expected.days') }} as low,
    {{ ratio('expected.likely * spent.days', 'spent.cost * expected.days') }} as likely,
    {{ ratio('expected.high * spent.days', 'spent.cost * expected.days') }} as high
from spent
inner join expected on spent.provider = expected.provider and spent.currency = expected.currency
where spent.cost > 0
