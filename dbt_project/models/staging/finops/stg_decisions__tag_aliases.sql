select * from {{ landed_decisions('tag_aliases') }}
