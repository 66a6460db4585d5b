-- Leaves, cost centres, departments, providers and services each sum to the currency's total: per vintage, grain, date and scenario.
select
    vintage_id,
    currency,
    grain,
    forecast_date,
    scenario,
    series_level,
    sum(yhat) as level_total
from {{ ref('fct_cost_forecasts') }}
group by vintage_id, currency, grain, forecast_date, scenario, series_level
qualify min(sum(yhat)) over (partition by vintage_id, currency, grain, forecast_date, scenario)
<> max(sum(yhat)) over (partition by vintage_id, currency, grain, forecast_date, scenario)
