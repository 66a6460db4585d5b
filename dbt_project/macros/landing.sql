{# The workspace's landing folder. It is looked up when a model runs, not when it is parsed: what dbt has parsed once
   serves every workspace and every later run. #}
{% macro landing_folder() -%}
    {%- if execute -%}{{ env_var('FINOPS_LANDING', 'landing') }}{%- endif -%}
{%- endmacro %}

{# Landed Parquet as a relation. Every dataset has an empty contract file, so the path always matches. #}
{% macro landed(dataset) -%}
    {{ return(adapter.dispatch('landed', 'finops')(dataset)) }}
{%- endmacro %}

{% macro duckdb__landed(dataset) -%}
    read_parquet('{{ landing_folder() }}/{{ dataset }}/source=*/billing_period=*/data.parquet', union_by_name = true, hive_partitioning = false)
{%- endmacro %}

{% macro landed_decisions(table) -%}
    {{ return(adapter.dispatch('landed_decisions', 'finops')(table)) }}
{%- endmacro %}

{% macro duckdb__landed_decisions(table) -%}
    read_parquet('{{ landing_folder() }}/decisions/{{ table }}.parquet', hive_partitioning = false)
{%- endmacro %}

{% macro landed_register(table) -%}
    {{ return(adapter.dispatch('landed_register', 'finops')(table)) }}
{%- endmacro %}

{% macro duckdb__landed_register(table) -%}
    read_parquet('{{ landing_folder() }}/register/{{ table }}.parquet', hive_partitioning = false)
{%- endmacro %}

{# Signals: one file per source and day. #}
{% macro landed_usage(table) -%}
    {{ return(adapter.dispatch('landed_usage', 'finops')(table)) }}
{%- endmacro %}

{% macro duckdb__landed_usage(table) -%}
    read_parquet('{{ landing_folder() }}/usage/{{ table }}/source=*/day=*/data.parquet', union_by_name = true, hive_partitioning = false)
{%- endmacro %}

{# What our own Python computed: one file per table. #}
{% macro landed_results(table) -%}
    {{ return(adapter.dispatch('landed_results', 'finops')(table)) }}
{%- endmacro %}

{% macro duckdb__landed_results(table) -%}
    read_parquet('{{ landing_folder() }}/results/{{ table }}.parquet', hive_partitioning = false)
{%- endmacro %}

{# Every vintage of the forecasts; an empty one is always there. #}
{% macro landed_forecasts(table) -%}
    {{ return(adapter.dispatch('landed_forecasts', 'finops')(table)) }}
{%- endmacro %}

{% macro duckdb__landed_forecasts(table) -%}
    read_parquet('{{ landing_folder() }}/forecasts/*/{{ table }}.parquet', union_by_name = true, hive_partitioning = false)
{%- endmacro %}
