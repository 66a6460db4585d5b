-- Who pays for a resource by direct rules in the newest month of its bill. Grain: resource × cost centre.
select distinct
    costs.resource_id,
    rules.cost_center_id
from {{ ref('fct_daily_costs') }} as costs
inner join {{ ref('fct_allocation_claims') }} as claims
    on
        costs.x_allocation_key = claims.x_allocation_key
        and costs.charge_kind = claims.charge_kind
        and costs.charge_date between claims.first_charge_date and claims.last_charge_date
inner join {{ ref('stg_decisions__allocation_rules') }} as rules
    on claims.rule_id = rules.rule_id and claims.rule_version = rules.rule_version
inner join (select distinct lower(resource_id) as resource_key from {{ ref('int_optimization__candidates') }}) as wanted
    on lower(costs.resource_id) = wanted.resource_key
cross join {{ ref('int_savings__window') }} as looked_at
where costs.charge_kind = 'cost' and costs.charge_date between looked_at.first_day and looked_at.last_day
