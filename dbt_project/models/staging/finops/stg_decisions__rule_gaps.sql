select * from {{ landed_decisions('rule_gaps') }}
