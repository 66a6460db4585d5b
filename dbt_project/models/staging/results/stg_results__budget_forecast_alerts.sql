select * from {{ landed_results('budget_forecast_alerts') }}
