select * from {{ landed_results('budget_adjustments') }}
