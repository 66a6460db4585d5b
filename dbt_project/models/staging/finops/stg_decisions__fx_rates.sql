select * from {{ landed_decisions('fx_rates') }}
