{# What a pool's weights are scoped by: '' (the month as a whole), the source, or the source and service. #}
{% macro pool_scope(pools, costs) -%}
    case {{ pools }}.scope
        when 'source' then {{ costs }}.x_source
        when 'service' then {{ costs }}.x_source || '|' || {{ costs }}.service_name
        else ''
    end
{%- endmacro %}

{#
Shares of pools that serve each other, followed to the end: F = B + A·B + A²·B + … where A is what pools give to pools
and B what they give to cost centres. Each doubling squares A and so doubles the terms: 20 of them are a million terms.
Expects CTEs `gives_0` (billing_period, giver, taker, share) and `shares_0` (billing_period, giver, target, share).
#}
{% macro follow_shares(doublings) -%}
    {% for n in range(doublings) %}
    shares_{{ n + 1 }} as (
        select billing_period, giver, target, cast(sum(share) as decimal(19, 18)) as share
        from (
            select billing_period, giver, target, share from shares_{{ n }}
            union all
            select a.billing_period, a.giver, f.target, cast(sum(a.share * f.share) as decimal(19, 18)) as share
            from gives_{{ n }} as a
            inner join shares_{{ n }} as f on a.billing_period = f.billing_period and a.taker = f.giver
            group by a.billing_period, a.giver, f.target
        )
        group by billing_period, giver, target
    ),

    gives_{{ n + 1 }} as (
        select a.billing_period, a.giver, b.taker, cast(sum(a.share * b.share) as decimal(19, 18)) as share
        from gives_{{ n }} as a
        inner join gives_{{ n }} as b on a.billing_period = b.billing_period and a.taker = b.giver
        group by a.billing_period, a.giver, b.taker
        having sum(a.share * b.share) > 0
    ){{ "," if not loop.last }}
    {% endfor %}
{%- endmacro %}
