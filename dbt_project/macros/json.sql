{# JSON differs per engine; everything the models need of it is here. #}

{% macro json_pairs(text_column) -%}
    {{ return(adapter.dispatch('json_pairs', 'finops')(text_column)) }}
{%- endmacro %}

{# Lateral table (key, value) of a JSON object's members. #}
{% macro duckdb__json_pairs(text_column) -%}
    lateral (select e.key as key, json_extract_string(e.value, '$') as value, e.id as position from json_each({{ text_column }}) as e)
{%- endmacro %}

{% macro json_labels(text_column) -%}
    {{ return(adapter.dispatch('json_labels', 'finops')(text_column)) }}
{%- endmacro %}

{# Lateral table (key, value) of a JSON array of {"key", "value"} records. #}
{% macro duckdb__json_labels(text_column) -%}
    lateral (select json_extract_string(e.value, '$.key') as key, json_extract_string(e.value, '$.value') as value, e.id as position from json_each({{ text_column }}) as e)
{%- endmacro %}

{% macro json_object_agg(key, value) -%}
    {{ return(adapter.dispatch('json_object_agg', 'finops')(key, value)) }}
{%- endmacro %}

{% macro duckdb__json_object_agg(key, value) -%}
    cast(to_json(map_from_entries(list(struct_pack(k := {{ key }}, v := {{ value }}) order by {{ key }}))) as varchar)
{%- endmacro %}

{% macro json_text(text_column, path) -%}
    {{ return(adapter.dispatch('json_text', 'finops')(text_column, path)) }}
{%- endmacro %}

{% macro duckdb__json_text(text_column, path) -%}
    json_extract_string({{ text_column }}, '{{ path }}')
{%- endmacro %}

{% macro is_json(text_column) -%}
    {{ return(adapter.dispatch('is_json', 'finops')(text_column)) }}
{%- endmacro %}

{% macro duckdb__is_json(text_column) -%}
    json_valid({{ text_column }})
{%- endmacro %}

{% macro is_flat_json_object(text_column) -%}
    {{ return(adapter.dispatch('is_flat_json_object', 'finops')(text_column)) }}
{%- endmacro %}

{# Inside a JSON text a quote is escaped, so an unescaped quote, a colon and a bracket are a nested value. #}
{% macro duckdb__is_flat_json_object(text_column) -%}
    (json_valid({{ text_column }}) and left(ltrim({{ text_column }}), 1) = '{' and not regexp_matches({{ text_column }}, '[^\\]"\s*:\s*[\[{]'))
{%- endmacro %}

{# A JSON object of those of the columns that are filled and not zero, under the names of the columns; NULL without any. #}
{% macro json_of_amounts(columns) -%}
    {{ return(adapter.dispatch('json_of_amounts', 'finops')(columns)) }}
{%- endmacro %}

{% macro duckdb__json_of_amounts(columns) -%}
    nullif(concat('{', concat_ws(', '
        {%- for column in columns %}, case when {{ column }} <> 0 then concat('"{{ column }}": ', {{ column }}) end{% endfor -%}
    ), '}'), '{}')
{%- endmacro %}

{# Two JSON objects as one; where both have a key, the second's value. #}
{% macro json_merged(first, second) -%}
    {{ return(adapter.dispatch('json_merged', 'finops')(first, second)) }}
{%- endmacro %}

{% macro duckdb__json_merged(first, second) -%}
    case
        when {{ first }} is null then {{ second }}
        when {{ second }} is null then {{ first }}
        else cast(json_merge_patch({{ first }}, {{ second }}) as varchar)
    end
{%- endmacro %}
