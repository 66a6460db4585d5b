{# A wall-clock timestamp of `zone` as UTC. #}
{% macro to_utc(expression, zone) -%}
    {{ return(adapter.dispatch('to_utc', 'finops')(expression, zone)) }}
{%- endmacro %}

{% macro duckdb__to_utc(expression, zone) -%}
    timezone('UTC', timezone('{{ zone }}', {{ expression }}))
{%- endmacro %}

{# A UTC timestamp as the wall clock of `zone` shows it. #}
{% macro from_utc(expression, zone) -%}
    {{ return(adapter.dispatch('from_utc', 'finops')(expression, zone)) }}
{%- endmacro %}

{% macro duckdb__from_utc(expression, zone) -%}
    timezone('{{ zone }}', timezone('UTC', {{ expression }}))
{%- endmacro %}

{% macro month_of(expression) -%}
    {{ return(adapter.dispatch('month_of', 'finops')(expression)) }}
{%- endmacro %}

{# YYYY-MM of a date. #}
{% macro duckdb__month_of(expression) -%}
    strftime({{ expression }}, '%Y-%m')
{%- endmacro %}

{# The first instant of a YYYY-MM. #}
{% macro first_of_month(period) -%}
    cast({{ period }} || '-01' as timestamp)
{%- endmacro %}

{# The first day of a date's month, as a date. #}
{% macro first_of_its_month(day) -%}
    cast({{ dbt.date_trunc('month', day) }} as date)
{%- endmacro %}
