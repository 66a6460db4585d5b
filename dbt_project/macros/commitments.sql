{# Part number `position` (from 1) of an amount cut into `parts` equal parts; the first takes what does not divide, so that
   the parts add up to the amount to the last decimal. #}
{% macro equal_part(amount, parts, position) -%}
    {{ return(adapter.dispatch('equal_part', 'finops')(amount, parts, position)) }}
{%- endmacro %}

{% macro duckdb__equal_part(amount, parts, position) -%}
    {%- set units = "cast((" ~ amount ~ ") * 1000000000000 as hugeint)" -%}
    cast(cast(
        {{ units }} // {{ parts }}
        + case when {{ position }} = 1 then {{ units }} - ({{ units }} // {{ parts }}) * {{ parts }} else 0 end
        as decimal(28, 0)) * cast(0.000000000001 as decimal(13, 12)) as decimal(28, 12))
{%- endmacro %}

{# Whole hours from one instant to another. #}
{% macro hours_from(first, last) -%}
    date_diff('hour', {{ first }}, {{ last }})
{%- endmacro %}

{% macro plus_hours(instant, hours) -%}
    {{ return(adapter.dispatch('plus_hours', 'finops')(instant, hours)) }}
{%- endmacro %}

{% macro duckdb__plus_hours(instant, hours) -%}
    ({{ instant }} + cast({{ hours }} as integer) * interval 1 hour)
{%- endmacro %}

{% macro plus_months(day, months) -%}
    {{ return(adapter.dispatch('plus_months', 'finops')(day, months)) }}
{%- endmacro %}

{% macro duckdb__plus_months(day, months) -%}
    cast({{ day }} + cast({{ months }} as integer) * interval 1 month as date)
{%- endmacro %}

{# The date in a text such as 2026-10-31T00:00:00.000Z; NULL where there is none. #}
{% macro date_in(text) -%}
    {{ return(adapter.dispatch('date_in', 'finops')(text)) }}
{%- endmacro %}

{% macro duckdb__date_in(text) -%}
    try_cast(left({{ text }}, 10) as date)
{%- endmacro %}

{# Months in the words of a term: 1yr, 3yrs, 12, 36 months, P1Y. A number below 6 without a unit is years. #}
{% macro months_in(text) -%}
    {{ return(adapter.dispatch('months_in', 'finops')(text)) }}
{%- endmacro %}

{% macro duckdb__months_in(text) -%}
    {%- set number = "try_cast(regexp_extract(" ~ text ~ ", '([0-9]+)', 1) as integer)" -%}
    case when regexp_matches(lower({{ text }}), 'y') or {{ number }} < 6 then 12 * {{ number }} else {{ number }} end
{%- endmacro %}

{# The name of a pool: one billing account's usage of one program in one currency, of one seller. #}
{% macro pool_id(prefix='') -%}
    concat_ws('/', {{ prefix }}provider, {{ prefix }}billing_account_id, {{ prefix }}program, {{ prefix }}currency)
{%- endmacro %}
