select * from {{ landed_decisions('charge_treatments') }}
