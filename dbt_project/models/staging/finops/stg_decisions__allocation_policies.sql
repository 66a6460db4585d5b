select * from {{ landed_decisions('allocation_policies') }}
