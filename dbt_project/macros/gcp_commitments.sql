{# Sum of the credits of a row whose type is one of `types`, or that older exports only name like `pattern`. #}
{% macro sum_of_credits(types, pattern=none) -%}
    {{ return(adapter.dispatch('sum_of_credits', 'finops')(types, pattern)) }}
{%- endmacro %}

{% macro duckdb__sum_of_credits(types, pattern) -%}
    coalesce(cast(list_sum(list_transform(list_filter(credits, lambda c: c.type in ('{{ types | join("', '") }}')
        {%- if pattern %} or (c.type is null and regexp_matches(c.name, '{{ pattern }}', 'i')){% endif -%}
    ), lambda c: c.amount)) as decimal(28, 12)), 0)
{%- endmacro %}

{# What credits for commitments take off a row, negative. #}
{% macro commitment_credit() -%}
    {{ sum_of_credits(['COMMITTED_USAGE_DISCOUNT', 'COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE'], '^committed us(e|age) discount') }}
{%- endmacro %}

{# Names of the credits of one type, as one text. #}
{% macro names_of_credits(type) -%}
    {{ return(adapter.dispatch('names_of_credits', 'finops')(type)) }}
{%- endmacro %}

{% macro duckdb__names_of_credits(type) -%}
    array_to_string(list_sort(list_distinct(list_transform(list_filter(credits, lambda c: c.type = '{{ type }}'), lambda c: c.name))), ', ')
{%- endmacro %}

{# What an older export or a commitment's SKU says in words: the resource that it is about. "Memory-optimized Core" is cpu. #}
{% macro committed_resource(text) -%}
    replace(replace(nullif(coalesce(
        nullif(regexp_extract(lower({{ text }}), '(gpu|tpu|local ssd|ram|cpu|core)', 1), ''),
        regexp_extract(lower({{ text }}), '(memory)', 1)
    ), ''), 'core', 'cpu'), 'memory', 'ram')
{%- endmacro %}

{# The pools of `period` whose fees may pay a line. Fees may come without a region or family, and flexible commitments under
   Compute Engine. #}
{% macro pool_serves_line(period='lines.x_billing_period') -%}
    lines.x_source = pools.x_source
            and {{ period }} = pools.x_billing_period
            and lines.billing_account_id = pools.billing_account_id
            and lines.currency = pools.currency
            and lines.commitment_category = pools.commitment_category
            and (
                pools.pool_resource in (lines.committed_resource, '')
                or (lines.commitment_category = 'Spend' and pools.pool_resource = 'compute engine')
            )
            and pools.pool_family in (lines.machine_family, '')
            and pools.pool_region in (coalesce(lines.location_region, ''), '')
{%- endmacro %}

{# The most specific of them. #}
{% macro most_specific_pool() -%}
    qualify row_number() over (
        partition by lines.x_source, lines.x_billing_period, lines.x_source_file, lines.x_source_row
        order by
            pools.pool_region desc, pools.pool_family desc,
            case when pools.pool_resource = lines.committed_resource then 1 else 2 end, pools.pool_resource desc
    ) = 1
{%- endmacro %}

{# The machine family in a SKU's description; the first generation (N1) is the one without a name in commitments. #}
{% macro machine_family(text) -%}
    case
        when regexp_matches({{ text }}, 'memory.optimized|megamem|ultramem', 'i') then 'memory-optimized'
        when regexp_matches({{ text }}, 'compute.optimized', 'i') then 'compute-optimized'
        else replace(regexp_extract(regexp_replace(lower({{ text }}), '^commitment v[0-9]+', ''), '(^|[^a-z0-9])([a-z][0-9][a-z]?)([^a-z0-9]|$)', 2), 'n1', '')
    end
{%- endmacro %}

{# Hours of a vCPU or GiB: whichever of a row's two units counts hours; seconds else. NULL where neither does. #}
{% macro resource_hours(amount, unit, pricing_amount, pricing_unit) -%}
    case
        when lower({{ unit }}) in ('hour', 'hours', 'gibibyte hour', 'gibibyte hours') then {{ amount }}
        when lower({{ pricing_unit }}) in ('hour', 'hours', 'gibibyte hour', 'gibibyte hours') then {{ pricing_amount }}
        when lower({{ unit }}) in ('seconds', 'second') then cast({{ unit_price(amount, '3600') }} as decimal(38, 12))
    end
{%- endmacro %}

{# The part of an amount that lies between two shares of it; parts that touch add up to the whole, to the last decimal. #}
{% macro money_between(amount, share_from, share_to) -%}
    cast({{ money(amount ~ ' * ' ~ share_to) }} - {{ money(amount ~ ' * ' ~ share_from) }} as decimal(28, 12))
{%- endmacro %}

{# The same for a quantity in units of price (`digits` 8) or of measurement (4: bytes times seconds are many). #}
{% macro quantity_between(quantity, share_from, share_to, digits=8) -%}
    case
        when {{ share_from }} = 0 and {{ share_to }} = 1 then {{ quantity }}
        {%- set narrow = 'cast(' ~ quantity ~ ' as decimal(' ~ (25 if digits == 8 else 28) ~ ', ' ~ digits ~ '))' -%}
        {%- set share = 'decimal(13, 12)' if digits == 8 else 'decimal(10, 9)' %}
        else cast({{ narrow }} * cast({{ share_to }} as {{ share }}) as decimal(38, 12))
            - cast({{ narrow }} * cast({{ share_from }} as {{ share }}) as decimal(38, 12))
    end
{%- endmacro %}

{# amount × part ÷ whole for 0 <= part <= whole: the whole gives the amount itself, so that running totals end exactly there. #}
{% macro part_of(amount, part, whole) -%}
    case
        when {{ part }} = {{ whole }} then {{ money(amount) }}
        else {{ money('cast(' ~ amount ~ ' as decimal(24, 8)) * cast(' ~ unit_price(part, whole) ~ ' as decimal(13, 12))') }}
    end
{%- endmacro %}

{# A label that Compute Engine itself puts on a row. #}
{% macro system_label(name) -%}
    nullif(regexp_extract(lines.system_labels, '"key" *: *"compute.googleapis.com/{{ name }}" *, *"value" *: *"([^"]*)"', 1), '')
{%- endmacro %}
