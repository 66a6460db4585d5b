select * from {{ landed_decisions('pool_steps') }}
