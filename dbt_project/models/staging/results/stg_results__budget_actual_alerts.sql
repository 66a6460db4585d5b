select * from {{ landed_results('budget_actual_alerts') }}
