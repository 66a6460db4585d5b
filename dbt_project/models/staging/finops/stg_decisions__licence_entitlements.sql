select * from {{ landed_decisions('licence_entitlements') }}
