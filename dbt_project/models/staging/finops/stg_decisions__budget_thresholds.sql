select * from {{ landed_decisions('budget_thresholds') }}
