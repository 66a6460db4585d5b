-- What scopes are served of their usage, and how much of the fee they bear. Grain: pool × account × tags, as before.
-- A scope is served up to its quantity, its accounts and tags in proportion to their usage; its share of the fee is its
-- share of the committed quantity, used or not.
with

pool_rows as (
    select * from {{ ref('int_attribution__rows') }}
),

scope_days as (
    select
        pools.pool_id,
        scopes.scope_id,
        any_value(scopes.fee_paid_by) as fee_paid_by,
        sum(scopes.quantity_per_day) as quantity
    from (
        select distinct pool_id, billing_account_id, charge_date, resource, machine_family, region from pool_rows
    ) as pools
    inner join {{ ref('stg_decisions__commitment_scopes') }} as scopes
        on
            pools.billing_account_id = scopes.billing_account_id and pools.resource = scopes.resource
            and pools.machine_family = scopes.family and pools.region = scopes.region
            and pools.charge_date >= scopes.valid_from and pools.charge_date < scopes.valid_to
    group by pools.pool_id, scopes.scope_id
),

scope_usage as (
    select
        scope_days.*,
        coalesce(used.scope_hours, 0) as scope_hours
    from scope_days
    left join (
        select pool_id, scope_id, sum(usage_hours) as scope_hours
        from pool_rows
        where scope_id is not null
        group by pool_id, scope_id
    ) as used on scope_days.pool_id = used.pool_id and scope_days.scope_id = used.scope_id
),

pools as (
    select
        pool_id,
        any_value(fee_paid_by) as fee_paid_by,
        sum(quantity) as committed_hours,
        -- Nobody of these used anything: their part of the fee stays where it was billed.
        sum(case when scope_hours <= 0 then quantity else 0 end) as idle_hours
    from scope_usage
    group by pool_id
)

select
    pool_rows.*,
    pools.fee_paid_by,
    cast(pools.committed_hours as decimal(38, 12)) as committed_hours,
    cast(sum(pool_rows.commitment_fee) over (partition by pool_rows.pool_id) as decimal(28, 12)) as pool_fee,
    cast(case
        when scope_usage.scope_hours > scope_usage.quantity
            then {{ price_times(unit_price('scope_usage.quantity', 'scope_usage.scope_hours'), 'pool_rows.usage_hours') }}
        else coalesce(pool_rows.usage_hours * sign(scope_usage.quantity), 0)
    end as decimal(28, 12)) as served_hours,
    cast(
        case
            when scope_usage.scope_hours > 0
                then {{ price_times(unit_price('pool_rows.usage_hours', 'scope_usage.scope_hours'), 'scope_usage.quantity') }}
            else 0
        end
        + case
            when pools.idle_hours > 0 and pool_rows.commitment_fee > 0
                then {{ price_times(unit_price('pool_rows.commitment_fee', 'sum(greatest(pool_rows.commitment_fee, 0)) over (partition by pool_rows.pool_id)'), 'pools.idle_hours') }}
            else 0
        end as decimal(28, 12)
    ) as fee_weight
from pool_rows
inner join pools on pool_rows.pool_id = pools.pool_id
left join scope_usage on pool_rows.pool_id = scope_usage.pool_id and pool_rows.scope_id = scope_usage.scope_id
