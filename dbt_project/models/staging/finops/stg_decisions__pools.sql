select * from {{ landed_decisions('pools') }}
