-- Budget that was moved between teams, and budgets that are proposed. Grain: adjustment.
select
    adjustment_id,
    kind,
    period,
    from_budget_id,
    to_budget_id,
    amount,
    amount_before,
    amount_after,
    conservative_amount,
    aggressive_amount,
    history_amount,
    growth_ratio,
    confidence,
    reason,
    valid_from,
    approval,
    status,
    cast('{{ var("reporting_currency") }}' as varchar) as currency
from {{ ref('stg_results__budget_adjustments') }}
