select * from {{ landed_decisions('budgets') }}
