select * from {{ landed_results('anomaly_causes') }}
