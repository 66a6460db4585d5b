-- Which direct rule claimed which charges, and when. Grain: allocation key × run of days with one rule.
-- The key is that of fct_daily_costs; charges of days without a run went to a shared pool or stayed unallocated.
with

runs as (
    select
        *,
        row_number() over (partition by x_allocation_key order by charge_date)
        - row_number() over (partition by x_allocation_key, rule_id, rule_version order by charge_date) as run
    from {{ ref('int_allocation__claims') }}
)

select
    x_allocation_key,
    cast(min(charge_date) as date) as first_charge_date,
    cast(max(charge_date) as date) as last_charge_date,
    rule_id,
    rule_version,
    match_type
from runs
group by x_allocation_key, rule_id, rule_version, match_type, run
