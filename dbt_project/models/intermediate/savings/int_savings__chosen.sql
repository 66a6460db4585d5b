-- Which candidates are done together, and what each saves after those before it. Grain: candidate with a price.
-- Of one resource: removal excludes everything else; of two that change the same thing the one with the larger expected net saving
-- stays; the others follow each other (removal, schedule, size, generation, class), each on what the ones before it leave.
{%- set most = 8 %}
with

ranked as (
    select
        priced.candidate_id,
        concat_ws('|', lower(priced.resource_id), coalesce(priced.currency, '')) as resource_key,
        priced.dimension,
        priced.stack_order,
        priced.cost_part,
        priced.share,
        priced.savings_contract,
        alone.savings_net_alone,
        alone.savings_net_alone * cast(priced.confidence as decimal(9, 6)) as expected_saving,
        priced.is_declined
            or priced.share <= 0
            -- What commitments pay for saves nothing before they end; it is worth saying, unless only the way to buy would change.
            or case when priced.dimension = 'purchase' then alone.savings_net_alone else priced.savings_contract end
            < cast(priced.min_saving_month as decimal(28, 12)) as is_out
    from {{ ref('int_savings__priced') }} as priced
    inner join {{ ref('int_savings__alone') }} as alone on priced.candidate_id = alone.candidate_id
),

contested as (
    select
        *,
        row_number() over (
            partition by resource_key, dimension order by expected_saving desc, savings_contract desc, candidate_id asc
        ) as place,
        first_value(candidate_id) over (
            partition by resource_key, dimension order by expected_saving desc, savings_contract desc, candidate_id asc
        ) as winner_id,
        max(case when dimension = 'existence' then 1 else 0 end) over (partition by resource_key) as is_removed
    from ranked
    where not is_out
),

removals as (
    select resource_key, candidate_id as removal_id from contested where dimension = 'existence' and place = 1
),

decided as (
    select
        contested.*,
        contested.place = 1 and (contested.dimension = 'existence' or contested.is_removed = 0) as is_chosen,
        case
            when contested.dimension <> 'existence' and contested.is_removed = 1 then removals.removal_id
            when contested.place > 1 then contested.winner_id
        end as superseded_by
    from contested
    left join removals on contested.resource_key = removals.resource_key
),

-- Parts of a resource's cost are independent of each other, unless something changes all of it.
parts as (
    select
        *,
        case when max(case when cost_part = 'all' then 1 else 0 end) over (partition by resource_key) = 1 then 'all' else cost_part end
            as part
    from decided
    where is_chosen
),

ordered as (
    select
        *,
        {% for n in range(1, most) -%}
        cast(1 - coalesce(lag(share, {{ n }}) over (partition by resource_key, part order by stack_order, dimension), 0) as decimal(13, 12))
            as kept_{{ n }},
        {% endfor -%}
        row_number() over (partition by resource_key, part order by stack_order, dimension) as position
    from parts
),

{% set ns = namespace(product='kept_1') -%}
{% for n in range(2, most) -%}
{% set ns.product = "cast(" ~ ns.product ~ " * kept_" ~ n ~ " as decimal(13, 12))" -%}
{% endfor -%}
remaining as (
    select
        candidate_id,
        {{ ns.product }} as remaining_share
    from ordered
)

select
    ranked.candidate_id,
    ranked.resource_key,
    ranked.stack_order,
    concat_ws('|', ranked.resource_key, ranked.dimension) as exclusive_group,
    ranked.is_out,
    coalesce(decided.is_chosen, false) as is_chosen,
    decided.superseded_by,
    remaining.remaining_share,
    cast(remaining.remaining_share * ranked.share as decimal(13, 12)) as marginal_share
from ranked
left join decided on ranked.candidate_id = decided.candidate_id
left join remaining on ranked.candidate_id = remaining.candidate_id
