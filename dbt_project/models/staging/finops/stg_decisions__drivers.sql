select * from {{ landed_decisions('drivers') }}
