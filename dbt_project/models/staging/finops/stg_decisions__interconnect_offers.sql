select * from {{ landed_decisions('interconnect_offers') }}
