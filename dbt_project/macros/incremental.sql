{# Rows of deliveries that are no longer current leave an incremental model before new ones enter, in one transaction. #}
{% macro delete_replaced_deliveries() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where x_delivery_version not in (select d.delivery_version from {{ ref('int_deliveries__current') }} as d)
    {% endif %}
{%- endmacro %}

{# The same for a model that the ledger waits for: rows that a killed run left of deliveries that the ledger lacks go too. #}
{% macro delete_replaced_and_new_deliveries() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where
            x_delivery_version not in (
                select d.delivery_version from {{ ref('int_deliveries__current') }} as d where not d.is_new
            )
    {% endif %}
{%- endmacro %}

{% macro delete_replaced_daily_costs() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where cost_version not in (select v.cost_version from {{ ref('int_costs__versions') }} as v)
    {% endif %}
{%- endmacro %}

{# Days of metrics that were landed anew leave before they are read again. #}
{% macro delete_replaced_usage_days() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where day_version not in (select d.day_version from {{ ref('stg_usage__days') }} as d)
    {% endif %}
{%- endmacro %}
