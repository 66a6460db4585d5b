-- Which direct rule claimed which charges, and when. Grain: allocation key × charge kind × run of days with one rule.
-- The key is that of fct_daily_costs. Charges without a run went to a shared pool, to the cost centre that a treatment
-- names for their kind, or stayed unallocated.
with

charges as (
    select distinct
        x_allocation_key,
        charge_kind,
        charge_date
    from {{ ref('fct_daily_costs') }}
),

treated as (
    select distinct charge_kind from {{ ref('stg_decisions__charge_treatments') }} where treatment <> 'rules'
),

claimed as (
    select
        charges.x_allocation_key,
        charges.charge_kind,
        charges.charge_date,
        claims.rule_id,
        claims.rule_version,
        claims.match_type
    from charges
    inner join {{ ref('int_allocation__claims') }} as claims
        on charges.x_allocation_key = claims.x_allocation_key and charges.charge_date = claims.charge_date
    left join treated on charges.charge_kind = treated.charge_kind
    where treated.charge_kind is null
),

runs as (
    select
        *,
        row_number() over (partition by x_allocation_key, charge_kind order by charge_date)
        - row_number() over (
            partition by x_allocation_key, charge_kind, rule_id, rule_version, match_type order by charge_date
        ) as run
    from claimed
)

select
    x_allocation_key,
    charge_kind,
    cast(min(charge_date) as date) as first_charge_date,
    cast(max(charge_date) as date) as last_charge_date,
    rule_id,
    rule_version,
    match_type
from runs
group by x_allocation_key, charge_kind, rule_id, rule_version, match_type, run
