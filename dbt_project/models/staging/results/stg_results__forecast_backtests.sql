select * from {{ landed_forecasts('backtests') }}
