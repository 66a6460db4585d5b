{# The value of a cost that a budget's scope is about; compare it with scope_value. #}
{% macro in_scope(scope, costs) -%}
    case {{ scope }}
        when 'total' then ''
        when 'business_unit' then {{ costs }}.business_unit
        when 'department' then {{ costs }}.department
        when 'cost_center' then {{ costs }}.cost_center_id
        when 'provider' then {{ costs }}.provider
        when 'sub_account' then {{ costs }}.sub_account_id
        when 'service' then {{ costs }}.service_name
    end
{%- endmacro %}

{# From which day to which day budgets' costs are known, the first month that is known whole, and the first that is not. One row. #}
{% macro known_days() -%}
    select
        min(charge_date) as first_date,
        max(charge_date) as as_of_date,
        case
            when min(charge_date) = {{ first_of_its_month('min(charge_date)') }} then min(charge_date)
            else cast({{ dbt.dateadd('month', 1, first_of_its_month('min(charge_date)')) }} as date)
        end as first_month,
        {{ first_of_its_month(dbt.dateadd('day', 1, 'max(charge_date)')) }} as end_month
    from {{ ref('int_budgets__scope_costs') }}
{%- endmacro %}
