select * from {{ landed_register('book_rates') }}
