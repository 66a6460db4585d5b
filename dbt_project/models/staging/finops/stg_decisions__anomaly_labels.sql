select * from {{ landed_decisions('anomaly_labels') }}
