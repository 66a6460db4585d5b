{# Daily totals that other models computed leave when they can be computed anew, so that both sides of a comparison agree. #}
{% macro delete_outdated_daily_totals() -%}
    {% if is_incremental() %}
        delete from {{ this }}
        where
            models_version <> '{{ var("models_version") }}'
            and (
                x_delivery_version in (select d.delivery_version from {{ ref('int_deliveries__current') }} as d)
                or x_delivery_version in (
                    select k.x_delivery_version from {{ ref('stg_finops__kept_totals') }} as k
                    where k.models_version = '{{ var("models_version") }}'
                )
            )
    {% endif %}
{%- endmacro %}

{% macro days_between(first_day, last_day) -%}
    {{ return(adapter.dispatch('days_between', 'finops')(first_day, last_day)) }}
{%- endmacro %}

{# Lateral table (charge_date): every day from first_day to last_day, both included. #}
{% macro duckdb__days_between(first_day, last_day) -%}
    lateral (select cast(unnest(generate_series({{ first_day }}, {{ last_day }}, interval 1 day)) as date) as charge_date)
{%- endmacro %}

{# Whole days from one date to another. #}
{% macro days_from(first_day, last_day) -%}
    date_diff('day', {{ first_day }}, {{ last_day }})
{%- endmacro %}

{# The first day of a billing period written YYYY-MM. #}
{% macro first_day_of(billing_period) -%}
    cast({{ billing_period }} || '-01' as date)
{%- endmacro %}

{% macro median_of(expression) -%}
    {{ return(adapter.dispatch('median_of', 'finops')(expression)) }}
{%- endmacro %}

{# The lower median: a value that occurred, of the same type. #}
{% macro duckdb__median_of(expression) -%}
    quantile_disc({{ expression }}, 0.5)
{%- endmacro %}

{% macro last_day_of(billing_period) -%}
    {{ return(adapter.dispatch('last_day_of', 'finops')(billing_period)) }}
{%- endmacro %}

{# The last day of a billing period written YYYY-MM. #}
{% macro duckdb__last_day_of(billing_period) -%}
    last_day({{ first_day_of(billing_period) }})
{%- endmacro %}

{% macro plus_days(day, days) -%}
    {{ return(adapter.dispatch('plus_days', 'finops')(day, days)) }}
{%- endmacro %}

{% macro duckdb__plus_days(day, days) -%}
    ({{ day }} + cast({{ days }} as integer))
{%- endmacro %}

{% macro integers(first, last) -%}
    {{ return(adapter.dispatch('integers', 'finops')(first, last)) }}
{%- endmacro %}

{# Table (n): the integers from first to last, both included. #}
{% macro duckdb__integers(first, last) -%}
    (select unnest(generate_series({{ first }}, {{ last }})) as n)
{%- endmacro %}
