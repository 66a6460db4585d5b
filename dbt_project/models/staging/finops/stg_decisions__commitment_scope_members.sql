select * from {{ landed_decisions('commitment_scope_members') }}
