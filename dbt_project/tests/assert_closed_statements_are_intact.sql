-- A closed statement was changed after it was closed, or one is missing from the chain.
select sequence, billing_period, content_hash from {{ ref('fct_closed_statements') }} where not is_intact
