-- Months in which currencies meet in one sum without a decided rate: nothing may be published then.
-- Grain: billing period × currency.
with

pool_steps as (
    select distinct pool_id from {{ ref('stg_decisions__pool_steps') }} where driver = 'direct_cost'
),

pool_costs as (
    select billing_period, pool_id, currency
    from {{ ref('int_allocation__classified') }}
    where rule_id is null and pool_id is not null
    group by billing_period, pool_id, currency
),

meeting as (
    select pool_costs.billing_period, pool_costs.pool_id, pool_costs.currency
    from pool_costs
    union
    -- A pool shared by direct cost compares the direct costs of all its targets.
    select direct.billing_period, pool_costs.pool_id, direct.currency
    from {{ ref('int_allocation__direct') }} as direct
    inner join pool_costs on direct.billing_period = pool_costs.billing_period
    inner join pool_steps on pool_costs.pool_id = pool_steps.pool_id
),

mixed as (
    select billing_period, pool_id
    from meeting
    group by billing_period, pool_id
    having count(distinct currency) > 1
)

select
    meeting.billing_period,
    meeting.currency,
    min(meeting.pool_id) as needed_by_pool
from meeting
inner join mixed on meeting.billing_period = mixed.billing_period and meeting.pool_id = mixed.pool_id
left join {{ ref('int_currency__rates') }} as rates
    on meeting.billing_period = rates.billing_period and meeting.currency = rates.from_currency
where rates.rate is null
group by meeting.billing_period, meeting.currency
