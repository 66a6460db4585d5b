select * from {{ landed_register('book_events') }}
