-- When something was last bought for a pool, and whether a commitment exists for it that no bill shows yet: until one does, nobody knows
-- what is left to cover. Grain: pool.
with

pools as (
    select distinct pool_id, provider, billing_account_id, program, currency from {{ ref('int_commitments__hours') }}
),

billed as (
    select pool_id, max(starts_on) as last_purchase
    from {{ ref('fct_commitments') }}
    group by pool_id
),

accounts as (
    select distinct provider, sub_account_id, billing_account_id from {{ ref('fct_daily_costs') }}
),

payers as (
    select distinct provider, billing_account_id from accounts
),

-- A list names the account that bought, the pool the one that is invoiced; an account that no bill knows could be any pool's.
unbilled as (
    select
        inventory.provider,
        coalesce(accounts.billing_account_id, payers.billing_account_id) as billing_account_id,
        inventory.program,
        inventory.currency,
        max(inventory.starts_on) as last_purchase
    from {{ ref('rpt_commitment_inventory') }} as inventory
    left join accounts on inventory.provider = accounts.provider and inventory.account_id = accounts.sub_account_id
    left join payers
        on inventory.provider = payers.provider and inventory.account_id = payers.billing_account_id
    where inventory.finding in ('not_billed', 'not_billed_yet')
    group by
        inventory.provider, coalesce(accounts.billing_account_id, payers.billing_account_id), inventory.program, inventory.currency
)

select
    pools.pool_id,
    greatest(max(billed.last_purchase), max(unbilled.last_purchase)) as last_purchase,
    max(case when unbilled.provider is not null then 1 else 0 end) = 1 as not_billed_yet
from pools
left join billed on pools.pool_id = billed.pool_id
left join unbilled
    on
        pools.provider = unbilled.provider
        and pools.program = unbilled.program
        and pools.currency = coalesce(unbilled.currency, pools.currency)
        and coalesce(unbilled.billing_account_id, pools.billing_account_id, '') = coalesce(pools.billing_account_id, '')
group by pools.pool_id
