{% macro sha256(expression) -%}
    {{ return(adapter.dispatch('sha256', 'finops')(expression)) }}
{%- endmacro %}

{% macro duckdb__sha256(expression) -%}
    sha256({{ expression }})
{%- endmacro %}

{# The seal of a posted journal; pipelines/landing/books.py seals with the same expression. #}
{% macro journal_hash() -%}
    {{ sha256("coalesce(string_agg(concat_ws('|', journal_id, cast(line_no as varchar), billing_period, coalesce(origin_period, ''), coalesce(cast(posting_date as varchar), ''), coalesce(company, ''), coalesce(account, ''), coalesce(cost_center_id, ''), coalesce(cast(debit as varchar), ''), coalesce(cast(credit as varchar), ''), currency, coalesce(text, ''), coalesce(source_ref, ''), coalesce(reversal_of, '')), chr(10) order by journal_id, line_no), '')") }}
{%- endmacro %}

{# The seal of a closed statement; pipelines/landing/books.py seals with the same expression. #}
{% macro statement_hash() -%}
    {{ sha256("coalesce(string_agg(concat_ws('|', line_id, billing_period, posting_period, cost_center_id, kind, x_source, coalesce(provider, ''), service_name, currency, cast(amount as varchar), cast(billed_amount as varchar), coalesce(cast(amount_reporting as varchar), '')), chr(10) order by line_id), '')") }}
{%- endmacro %}
