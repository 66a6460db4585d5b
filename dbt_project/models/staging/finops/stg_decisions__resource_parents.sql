select * from {{ landed_decisions('resource_parents') }}
