select * from {{ landed_decisions('driver_tiers') }}
