select * from {{ landed_decisions('gl_accounts') }}
