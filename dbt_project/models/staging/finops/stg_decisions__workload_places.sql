select * from {{ landed_decisions('workload_places') }}
