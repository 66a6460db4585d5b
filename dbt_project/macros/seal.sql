{% macro sha256(expression) -%}
    {{ return(adapter.dispatch('sha256', 'finops')(expression)) }}
{%- endmacro %}

{% macro duckdb__sha256(expression) -%}
    sha256({{ expression }})
{%- endmacro %}

{# The seal of a closed statement; pipelines/landing/books.py seals with the same expression. #}
{% macro statement_hash() -%}
    {{ sha256("coalesce(string_agg(concat_ws('|', line_id, billing_period, posting_period, cost_center_id, kind, x_source, coalesce(provider, ''), service_name, currency, cast(amount as varchar), cast(billed_amount as varchar), coalesce(cast(amount_reporting as varchar), '')), chr(10) order by line_id), '')") }}
{%- endmacro %}
