{{ config(materialized='view') }}
-- Costs that budgets are about, once per scope and value that a budget names. Grain: scope × value × row of int_budgets__costs.
with

scopes as (
    select distinct
        scope,
        coalesce(scope_value, '') as scope_value
    from {{ ref('int_budgets__current') }}
),

kinds as (
    select distinct scope from scopes
),

valued as (
    select
        kinds.scope,
        {{ in_scope('kinds.scope', 'costs') }} as scope_value,
        costs.charge_date,
        costs.x_source,
        costs.service_name,
        costs.is_usage,
        costs.currency,
        costs.cost,
        costs.reporting_cost,
        costs.unconverted
    from {{ ref('int_budgets__costs') }} as costs
    cross join kinds
)

select valued.*
from valued
inner join scopes on valued.scope = scopes.scope and valued.scope_value = scopes.scope_value
