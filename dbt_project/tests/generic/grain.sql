{# No two rows share these columns; NULL counts as a value. Rows are counted by a hash first, so that a ledger's long keys
   need little memory, and those few whose hash occurs twice by the columns themselves. #}
{% test grain(model, columns) %}
with

suspects as (
    select {{ row_hash(columns) }} as row_hash
    from {{ model }}
    group by {{ row_hash(columns) }}
    having count(*) > 1
)

select {{ columns | join(', ') }}, count(*) as copies
from {{ model }}
where {{ row_hash(columns) }} in (select s.row_hash from suspects as s)
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
