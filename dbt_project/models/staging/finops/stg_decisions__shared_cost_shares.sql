select * from {{ landed_decisions('shared_cost_shares') }}
