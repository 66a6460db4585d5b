-- Budgets in their newest version. Grain: budget × period. Earlier versions stay in the decision file.
with

newest as (
    select
        budget_id,
        period,
        max(version) as version
    from {{ ref('stg_decisions__budgets') }}
    group by budget_id, period
)

select budgets.*
from {{ ref('stg_decisions__budgets') }} as budgets
inner join newest
    on budgets.budget_id = newest.budget_id and budgets.period = newest.period and budgets.version = newest.version
