{# Tag keys and values as people mean them: letter case, blanks and (in keys) punctuation do not count. #}
{% macro normalized_tag_key(expression) -%}
    regexp_replace(regexp_replace(lower(trim({{ expression }})), '^(user[:_]|resourcetags/)', ''), '[-_ .:/]', '', 'g')
{%- endmacro %}

{% macro normalized_tag_value(expression) -%}
    lower(trim({{ expression }}))
{%- endmacro %}

{# A rule's value matches exactly, or as a prefix when it ends in *. #}
{% macro rule_matches(value, pattern) -%}
    ({{ value }} = {{ pattern }} or (right({{ pattern }}, 1) = '*' and starts_with({{ value }}, left({{ pattern }}, length({{ pattern }}) - 1))))
{%- endmacro %}

{% macro hash_of(expressions) -%}
    md5(concat_ws('|', {{ expressions | join(', ') }}))
{%- endmacro %}

{# A regular expression found anywhere in the value; letter case does not count. #}
{% macro matches_pattern(value, pattern) -%}
    {{ return(adapter.dispatch('matches_pattern', 'finops')(value, pattern)) }}
{%- endmacro %}

{% macro duckdb__matches_pattern(value, pattern) -%}
    regexp_matches({{ value }}, {{ pattern }}, 'i')
{%- endmacro %}

{# What one group of a pattern matched; 0 is the whole match. #}
{% macro matched_group(value, pattern, number) -%}
    {{ return(adapter.dispatch('matched_group', 'finops')(value, pattern, number)) }}
{%- endmacro %}

{% macro duckdb__matched_group(value, pattern, number) -%}
    regexp_extract({{ value }}, {{ pattern }}, {{ number }}, 'i')
{%- endmacro %}

{# A 64-bit hash of columns, NULLs included; equal rows have equal hashes, other rows may. #}
{% macro row_hash(columns) -%}
    {{ return(adapter.dispatch('row_hash', 'finops')(columns)) }}
{%- endmacro %}

{% macro duckdb__row_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}

{# A cell of a CSV file: quoted where it has to be. #}
{% macro csv_cell(text) -%}
    case when regexp_matches({{ text }}, '[,"\r\n]') then '"' || replace({{ text }}, '"', '""') || '"' else {{ text }} end
{%- endmacro %}
