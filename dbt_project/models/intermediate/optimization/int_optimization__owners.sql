-- Who owns a resource: the cost centre that a direct rule gives its newest costs to, the larger one where a rule splits.
-- Grain: source × resource.
with

newest as (
    select
        x_source,
        lower(resource_id) as resource_key,
        x_allocation_key,
        charge_date
    from {{ ref('fct_daily_costs') }}
    where resource_id is not null and charge_kind = 'cost'
    qualify row_number() over (
        partition by x_source, lower(resource_id) order by charge_date desc, x_allocation_key
    ) = 1
)

select
    newest.x_source,
    newest.resource_key,
    rules.cost_center_id
from newest
inner join {{ ref('int_allocation__claims') }} as claims
    on newest.x_allocation_key = claims.x_allocation_key and newest.charge_date = claims.charge_date
inner join {{ ref('stg_decisions__allocation_rules') }} as rules
    on
        claims.rule_id = rules.rule_id
        and newest.charge_date >= rules.valid_from
        and newest.charge_date < rules.valid_to
qualify row_number() over (
    partition by newest.x_source, newest.resource_key order by rules.share_percent desc, rules.cost_center_id
) = 1
