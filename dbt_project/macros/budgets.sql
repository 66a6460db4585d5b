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
