-- depends_on: {{ ref('int_deliveries__current') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_replaced_deliveries() }}"
) }}
-- What the sources do not give: FOCUS columns that a row should fill and its export has no value for, so that the ledger
-- leaves them empty or fills a stand-in. Grain: delivery × FOCUS column × kind of row. A delivery without gaps has one row
-- with an empty column.
with

charges as (
    select
        x_source,
        x_billing_period,
        x_delivery_version,
        x_rule,
        billing_currency,
        coalesce(x_gaps, '') as gaps,
        count(*) as gap_rows,
        sum(billed_cost) as billed_cost
    from {{ ref('int_focus__charges') }}
    where {{ of_new_deliveries() }}
    group by x_source, x_billing_period, x_delivery_version, x_rule, billing_currency, coalesce(x_gaps, '')
),

columns as (
    {%- for column in focus_gap_columns() %}
    select '{{ column }}' as focus_column
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    charges.x_source,
    charges.x_billing_period,
    charges.x_delivery_version,
    charges.x_rule,
    charges.billing_currency,
    coalesce(columns.focus_column, '') as focus_column,
    cast(sum(charges.gap_rows) as bigint) as gap_rows,
    cast(sum(charges.billed_cost) as decimal(38, 12)) as billed_cost
from charges
left join columns on concat(',', charges.gaps, ',') like concat('%,', columns.focus_column, ',%')
group by
    charges.x_source, charges.x_billing_period, charges.x_delivery_version, charges.x_rule, charges.billing_currency,
    coalesce(columns.focus_column, '')
