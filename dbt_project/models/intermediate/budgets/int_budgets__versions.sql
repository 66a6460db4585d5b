-- Versions of budgets that apply or did, and on which days. Grain: budget × period × version.
-- A version applies from its date (without one from the period's first day) until a higher one does. On one day the highest
-- counts. Looked at on the newest day with costs; of a period to come on its first day.
with

known as (
    select max(charge_date) as as_of_date from {{ ref('int_budgets__costs') }}
),

begun as (
    select
        budgets.* exclude (applies_from),
        greatest(coalesce(budgets.applies_from, budgets.starts_on), budgets.starts_on) as applies_from
    from {{ ref('stg_decisions__budgets') }} as budgets
    cross join known
    where
        coalesce(budgets.applies_from, budgets.starts_on)
        <= greatest(budgets.starts_on, least(coalesce(known.as_of_date, budgets.starts_on), {{ plus_days('budgets.ends_on', -1) }}))
),

ended as (
    select
        *,
        coalesce(min(applies_from) over (
            partition by budget_id, period order by version rows between 1 following and unbounded following
        ), ends_on) as applies_to
    from begun
)

select
    *,
    max(version) over (partition by budget_id, period) = version as is_current
from ended
