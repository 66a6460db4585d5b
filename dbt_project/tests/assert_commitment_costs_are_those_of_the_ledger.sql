-- Every cent of a commitment's amortised cost lies on one of its days and in one of its pools: spreading loses nothing.
with

ledger as (
    select
        x_source,
        commitment_discount_id as commitment_id,
        billing_currency as currency,
        sum(effective_cost) as commitment_cost
    from {{ ref('int_focus__charges') }}
    where charge_category = 'Usage' and commitment_discount_status in ('Used', 'Unused') and commitment_discount_id is not null
    group by x_source, commitment_discount_id, billing_currency
),

days as (
    select x_source, commitment_id, currency, sum(commitment_cost) as commitment_cost
    from {{ ref('fct_commitments') }}
    group by x_source, commitment_id, currency
),

pools as (
    select sum(commitment_cost) as commitment_cost from {{ ref('fct_commitment_pools') }}
)

select
    coalesce(ledger.commitment_id, days.commitment_id) as finding,
    ledger.commitment_cost as expected,
    days.commitment_cost as found
from ledger
full outer join days
    on ledger.x_source = days.x_source and ledger.commitment_id = days.commitment_id and ledger.currency = days.currency
where ledger.commitment_cost is null or days.commitment_cost is null or ledger.commitment_cost <> days.commitment_cost

union all

select
    'all pools' as finding,
    (select sum(l.commitment_cost) from ledger as l) as expected,
    pools.commitment_cost as found
from pools
where pools.commitment_cost <> (select sum(l.commitment_cost) from ledger as l)
