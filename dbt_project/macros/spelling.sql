{# Likeness of two short texts, 0 to 1 (Jaro–Winkler). #}
{% macro similarity(one, other) -%}
    {{ return(adapter.dispatch('similarity', 'finops')(one, other)) }}
{%- endmacro %}

{% macro duckdb__similarity(one, other) -%}
    cast(jaro_winkler_similarity({{ one }}, {{ other }}) as decimal(5, 4))
{%- endmacro %}

{# Slips between two texts: letters added, left out, replaced, or two neighbours swapped (Damerau–Levenshtein). #}
{% macro slips(one, other) -%}
    {{ return(adapter.dispatch('slips', 'finops')(one, other)) }}
{%- endmacro %}

{% macro duckdb__slips(one, other) -%}
    cast(damerau_levenshtein({{ one }}, {{ other }}) as integer)
{%- endmacro %}

{#
Is one text a slip of the other? None in up to 2 letters, one in up to 5, two in longer ones (Elasticsearch, fuzziness AUTO).
An id, that is anything with a digit, is never guessed: CC-1001 and CC-1010 are different owners. `one` and `other` are bare.
#}
{% macro may_be_a_slip(one, other) -%}
    (
        {{ one }} = {{ other }}
        or (
            not regexp_matches({{ one }} || {{ other }}, '[0-9]')
            and abs(length({{ one }}) - length({{ other }})) <= 2
            and length({{ one }}) > 2 and length({{ other }}) > 2
            and {{ slips(one, other) }} <= case when least(length({{ one }}), length({{ other }})) > 5 then 2 else 1 end
        )
    )
{%- endmacro %}
