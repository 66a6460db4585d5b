select * from {{ landed_results('savings_baselines') }}
