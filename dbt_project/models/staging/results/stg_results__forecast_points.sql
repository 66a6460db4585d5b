select * from {{ landed_forecasts('points') }}
