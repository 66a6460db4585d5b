select * from {{ landed_register('book_cost_centers') }}
