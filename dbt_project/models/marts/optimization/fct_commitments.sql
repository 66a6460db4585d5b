-- What every commitment did, day by day. Grain: source × commitment × currency × day. Money is compared at what the covered usage would
-- have cost on demand at the customer's own prices, on both sides of every ratio.
with

days as (
    select * from {{ ref('int_commitments__days') }}
),

pool_days as (
    select
        pool_id,
        charge_date,
        {{ money('sum(on_demand_cost)') }} as on_demand_cost,
        {{ money('sum(on_demand_cost + covered_cost)') }} as eligible_cost
    from {{ ref('int_commitments__hours') }}
    group by pool_id, charge_date
),

-- The discount of a commitment is one over its life: what it covered, at its own price and on demand.
lives as (
    select
        x_source,
        commitment_id,
        currency,
        {{ ratio('sum(used_cost)', 'sum(covered_cost)') }} as price_ratio
    from days
    group by x_source, commitment_id, currency
)

select
    days.charge_date,
    {{ month_of('days.charge_date') }} as charge_month,
    pools.provider,
    days.x_source,
    pools.billing_account_id,
    pools.pool_id,
    pools.program,
    days.commitment_id,
    terms.commitment_name,
    terms.commitment_type,
    terms.commitment_category,
    days.currency,
    days.commitment_cost,
    days.used_cost,
    days.unused_cost,
    days.covered_cost,
    days.covered_list_cost,
    case when days.is_valued_at_list = 1 then 'list' else 'contracted' end as covered_cost_basis,
    coalesce(pool_days.eligible_cost, days.covered_cost) as pool_eligible_cost,
    {{ money('days.covered_cost - days.commitment_cost') }} as savings,
    {{ ratio('days.used_cost', 'days.commitment_cost') }} as utilisation,
    {{ ratio('days.covered_cost', 'coalesce(pool_days.eligible_cost, days.covered_cost)') }} as coverage,
    {{ ratio('days.covered_cost - days.commitment_cost', 'days.covered_cost') }} as effective_savings_rate,
    cast(1 - lives.price_ratio as decimal(18, 6)) as discount,
    terms.payment_option,
    terms.starts_on,
    terms.ends_on,
    terms.term_months,
    terms.term_source,
    cast({{ days_from('days.charge_date', 'terms.ends_on') }} as integer) as days_to_expiry,
    cast(lives.price_ratio * terms.term_months as decimal(18, 6)) as break_even_months,
    {{ plus_days('terms.starts_on', 'ceil(lives.price_ratio * ' ~ days_from('terms.starts_on', 'terms.ends_on') ~ ')') }} as break_even_on
from days
inner join {{ ref('int_commitments__pools') }} as pools
    on days.x_source = pools.x_source and days.commitment_id = pools.commitment_id and days.currency = pools.currency
left join {{ ref('int_commitments__terms') }} as terms
    on days.x_source = terms.x_source and days.commitment_id = terms.commitment_id
left join pool_days on pools.pool_id = pool_days.pool_id and days.charge_date = pool_days.charge_date
left join lives
    on days.x_source = lives.x_source and days.commitment_id = lives.commitment_id and days.currency = lives.currency
