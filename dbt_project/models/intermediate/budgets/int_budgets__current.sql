-- Budgets in the version that applies. Grain: budget × period. Other versions stay in the decision file.
select * exclude (is_current, applies_to)
from {{ ref('int_budgets__versions') }}
where is_current
