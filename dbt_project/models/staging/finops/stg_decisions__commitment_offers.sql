select * from {{ landed_decisions('commitment_offers') }}
