select * from {{ landed_decisions('cost_centers') }}
