-- Every converted charge keeps the rules of FOCUS, money included. Says which rule broke where.
with

broken as (
    select rule, sum(rows_broken) as rows_broken, min(concat(x_source, ' ', x_billing_period, ': ', example)) as example
    from {{ ref('fct_conformance') }}
    where origin = 'converted' and rows_broken > 0
    group by rule
),

told as (
    select string_agg(concat(rule, ' (', cast(rows_broken as varchar), ' rows, first ', example, ')'), '; ' order by rule) as message
    from broken
)

select message
from told
where message is not null and {{ fail_with('message') }} is not null
