{# Rows of deliveries that are no longer current leave an incremental model before new ones enter, in one transaction. #}
{% macro delete_replaced_deliveries() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where x_delivery_version not in (select d.delivery_version from {{ ref('int_deliveries__current') }} as d)
    {% endif %}
{%- endmacro %}

{% macro delete_replaced_daily_costs() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where cost_version not in (select v.cost_version from {{ ref('int_costs__versions') }} as v)
    {% endif %}
{%- endmacro %}
