select * from {{ landed_decisions('invoice_tolerances') }}
