-- depends_on: {{ ref('fct_chargeback') }}, {{ ref('int_statements__drivers') }}, {{ ref('int_allocation__late_tags') }}
-- depends_on: {{ ref('int_tags__resource_months') }}, {{ ref('int_budgets__costs') }}
-- depends_on: {{ ref('focus_cost_and_usage') }}, {{ ref('focus_cost_and_usage_1_2') }}
-- Versions of inputs that are built, allocated and checked. Grain: delivery, its daily costs, billing period, month of charge.
-- Built after everything that is kept per period or month; a failing test of any of it leaves this table as it was.
select inputs_version as version from {{ ref('int_allocation__periods') }}
union all
select inputs_version as version from {{ ref('int_allocation__months') }}
union all
select cost_version as version from {{ ref('int_costs__versions') }}
union all
select delivery_id as version from {{ ref('int_deliveries__current') }}
