-- May the books of a month be closed? Grain: source × billing period, months without a delivery included.
select * from {{ ref('int_completeness__months') }}
