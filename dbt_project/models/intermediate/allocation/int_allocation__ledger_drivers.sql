-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- What the ledger itself says about a cost centre's use, as weights for shared pools.
-- Grain: billing period × driver × scope × cost centre. The scope is a source, a source and service, or neither ('').
with

direct as (
    select
        direct.*,
        -- Costs of one currency need no rate to be compared; int_currency__missing_rates names those that do.
        case when currencies.currency_count = 1 then 1 else rates.rate end as rate
    from {{ ref('int_allocation__direct') }} as direct
    inner join (
        select billing_period, count(distinct currency) as currency_count
        from {{ ref('int_allocation__direct') }}
        where {{ in_stale_period('billing_period') }}
        group by billing_period
    ) as currencies on direct.billing_period = currencies.billing_period
    left join {{ ref('int_currency__rates') }} as rates
        on direct.billing_period = rates.billing_period and direct.currency = rates.from_currency
),

used as (
    select distinct driver from {{ ref('stg_decisions__pool_steps') }} where weighing = 'ledger'
),

measured as (
    select billing_period, 'direct_cost' as driver, '' as scope, cost_center_id, sum(effective_cost * rate) as quantity
    from direct group by all
    union all
    select billing_period, 'direct_billed_cost', x_source, cost_center_id, sum(billed_cost * rate)
    from direct group by all
    union all
    select billing_period, 'covered_usage', x_source, cost_center_id, sum(covered_cost * rate)
    from direct group by all
    union all
    select billing_period, 'on_demand_cost', x_source, cost_center_id, sum(on_demand_cost * rate)
    from direct group by all
    union all
    select billing_period, 'service_cost', x_source || '|' || service_name, cost_center_id, sum(effective_cost * rate)
    from direct where charge_kind = 'cost' group by all
)

select
    measured.billing_period,
    measured.driver,
    measured.scope,
    measured.cost_center_id,
    -- A cost centre that was credited more than it used weighs nothing; it is never paid by the others.
    {{ money('greatest(measured.quantity, 0)') }} as quantity
from measured
inner join used on measured.driver = used.driver
