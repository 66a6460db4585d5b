{# Money is DECIMAL(28,12). A product is rounded to 12 decimals on purpose, never by a float. #}
{% macro money(expression) -%}
    cast({{ expression }} as decimal(28, 12))
{%- endmacro %}

{# A share (18 decimals) of an amount. Two decimals of 38 digits meet in 38: of ten million and more it keeps 12 decimals
   of the share. round() before the cast changes only the time: DuckDB casts so long a product half as fast. #}
{% macro share_of_money(amount, share) -%}
    case
        when {{ share }} = 1 then {{ amount }}
        when abs({{ amount }}) < 10000000
            then {{ money('round(cast(' ~ amount ~ ' as decimal(19, 12)) * ' ~ share ~ ', 12)') }}
        else {{ money('round(' ~ amount ~ ' * cast(' ~ share ~ ' as decimal(13, 12)), 12)') }}
    end
{%- endmacro %}

{# The same of a quantity; of a large one four decimals. #}
{% macro share_of_quantity(quantity, share) -%}
    case
        when abs({{ quantity }}) < 1000000000000
            then cast(cast({{ quantity }} as decimal(24, 12)) * cast({{ share }} as decimal(13, 12)) as decimal(38, 12))
        else cast(cast({{ quantity }} as decimal(28, 4)) * cast({{ share }} as decimal(10, 9)) as decimal(38, 12))
    end
{%- endmacro %}

{# part / whole with 18 decimals, in integers: DECIMAL / DECIMAL would be a float. Both have 12 decimals and are below
   100,000,000,000,000,000,000; NULL where the whole is zero. #}
{% macro share_of(part, whole) -%}
    {{ return(adapter.dispatch('share_of', 'finops')(part, whole)) }}
{%- endmacro %}

{# By long division, six decimals at a time: one step would leave 128 bits. #}
{% macro duckdb__share_of(part, whole) -%}
    {%- set a = trillionths(part) -%}
    {%- set b = "nullif(" ~ trillionths(whole) ~ ", 0)" -%}
    {%- set rest = "((" ~ a ~ " * 1000000) % " ~ b ~ ")" -%}
    {%- set last_rest = "((" ~ rest ~ " * 1000000) % " ~ b ~ ")" -%}
    cast(
        cast((({{ a }}) * 1000000) // {{ b }} as decimal(7, 0)) * 0.000001
        + cast(({{ rest }} * 1000000) // {{ b }} as decimal(6, 0)) * 0.000000000001
        + cast(({{ last_rest }} * 1000000) // {{ b }} as decimal(6, 0)) * 0.000000000000000001
        as decimal(19, 18)
    )
{%- endmacro %}

{# A number of 12 decimals as an integer, its whole part first: together they would need more than 38 digits. #}
{% macro trillionths(number) -%}
    (
        cast(trunc({{ number }}) as hugeint) * 1000000000000
        + cast((({{ number }}) - trunc({{ number }})) * 1000000000000 as hugeint)
    )
{%- endmacro %}

{# An amount in whole minor units (cents), cut towards zero so that f(−x) = −f(x). #}
{% macro minor_units_floor(amount, factor) -%}
    cast(trunc({{ amount }} * {{ factor }}) as bigint)
{%- endmacro %}

{# A ratio of two money sums with 6 decimals; NULL when the whole is zero. Money divided by money is no money. #}
{% macro ratio(part, whole) -%}
    {{ return(adapter.dispatch('ratio', 'finops')(part, whole)) }}
{%- endmacro %}

{% macro duckdb__ratio(part, whole) -%}
    cast((cast(round(({{ part }}) * 1000000, 0) as hugeint) * 1000000 // nullif(cast(round(({{ whole }}) * 1000000, 0) as hugeint), 0)) * 0.000001 as decimal(18, 6))
{%- endmacro %}

{# An integer count of minor units as money; a CASE and not a power, which would be a float. #}
{% macro from_minor_units(count, minor_units) -%}
    cast(case {{ minor_units }}
        when 0 then cast({{ count }} as decimal(24, 0)) * cast(1 as decimal(5, 4))
        when 1 then cast({{ count }} as decimal(24, 0)) * cast(0.1 as decimal(5, 4))
        when 2 then cast({{ count }} as decimal(24, 0)) * cast(0.01 as decimal(5, 4))
        when 3 then cast({{ count }} as decimal(24, 0)) * cast(0.001 as decimal(5, 4))
        else cast({{ count }} as decimal(24, 0)) * cast(0.0001 as decimal(5, 4))
    end as decimal(28, 12))
{%- endmacro %}

{# cost / quantity with 18 decimals, in integers; NULL where there is no quantity or the price would be negative. #}
{% macro unit_price(cost, quantity) -%}
    {{ return(adapter.dispatch('unit_price', 'finops')(cost, quantity)) }}
{%- endmacro %}

{# The quotient's integer part, then nine decimals, then nine more: one step would leave 128 bits. Dividing 128 bits is slow,
   so each step divides once and the lambdas bind what the next one needs. #}
{% macro duckdb__unit_price(cost, quantity) -%}
    {%- set cost_units = "cast(abs(" ~ cost ~ ") * 1000000000000 as hugeint)" -%}
    {%- set quantity_units = "nullif(cast(abs(" ~ quantity ~ ") * 1000000000000 as hugeint), 0)" -%}
    case when sign({{ cost }}) * sign({{ quantity }}) >= 0 and abs({{ quantity }}) < 1000000000000 then
        list_transform(
            list_transform(
                list_transform(
                    [struct_pack(part := {{ cost_units }}, whole := {{ quantity_units }})],
                    lambda p: struct_pack(part := p.part, whole := p.whole, units := p.part // p.whole)
                ),
                lambda p: struct_pack(
                    whole := p.whole,
                    units := p.units,
                    rest := (p.part - p.units * p.whole) * 1000000000,
                    nine := ((p.part - p.units * p.whole) * 1000000000) // p.whole
                )
            ),
            lambda p: cast(p.units as decimal(20, 0))
                + cast(p.nine as decimal(10, 0)) * 0.000000001
                + cast(((p.rest - p.nine * p.whole) * 1000000000) // p.whole as decimal(10, 0)) * 0.000000000000000001
        )[1]
    end
{%- endmacro %}

{# FOCUS: a cost is its unit price times its quantity, to a billionth and to what the 18 decimals of a price can tell.
   Compared in floats, because no amount comes of it: the product of two exact decimals would not fit into one. #}
{% macro is_price_times_quantity(cost, price, quantity) -%}
    (abs(cast({{ price }} as double) * cast({{ quantity }} as double) - cast({{ cost }} as double))
    <= 0.000000001 * greatest(abs(cast({{ cost }} as double)), 1) + 1e-18 * abs(cast({{ quantity }} as double)))
{%- endmacro %}

{# price × quantity as money. Two exact decimals of 38 digits meet in 38: large products leave out digits that a price in
   small money (rupiah, won) does not have. #}
{% macro price_times(price, quantity) -%}
    {{ return(adapter.dispatch('price_times', 'finops')(price, quantity)) }}
{%- endmacro %}

{% macro duckdb__price_times(price, quantity) -%}
    case
        when abs(cast({{ price }} as double) * cast({{ quantity }} as double)) < 100000000
            then {{ money(price ~ ' * ' ~ quantity) }}
        else {{ money('cast(' ~ price ~ ' as decimal(19, 7)) * cast(' ~ quantity ~ ' as decimal(19, 5))') }}
    end
{%- endmacro %}
