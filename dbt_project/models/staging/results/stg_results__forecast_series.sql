select * from {{ landed_forecasts('series') }}
