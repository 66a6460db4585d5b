-- Measured use of a shared pool. Grain: driver × day × user (a cost centre, or another pool).
-- Bands of driver_tiers weigh a month's quantity progressively: each band's own part by its own weight.
with

drivers as (
    select
        driver,
        date as charge_date,
        {{ month_of('date') }} as billing_period,
        cost_center_id as target,
        quantity
    from {{ ref('stg_decisions__drivers') }}
),

tiers as (
    select
        driver,
        cost_center_id,
        from_quantity,
        weight,
        lead(from_quantity) over (partition by driver, cost_center_id order by from_quantity) as to_quantity
    from {{ ref('stg_decisions__driver_tiers') }}
),

months as (
    select billing_period, driver, target, sum(quantity) as quantity from drivers group by all
),

weighted as (
    select
        months.billing_period,
        months.driver,
        months.target,
        sum(
            greatest(least(months.quantity, coalesce(tiers.to_quantity, months.quantity)) - tiers.from_quantity, 0)
            * tiers.weight
        ) as weighted_quantity
    from months
    inner join tiers
        on
            months.driver = tiers.driver
            and (
                months.target = tiers.cost_center_id
                or (
                    tiers.cost_center_id is null
                    and not exists (
                        select 1 from tiers as own
                        where own.driver = months.driver and own.cost_center_id = months.target
                    )
                )
            )
    group by all
)

select
    months.billing_period,
    months.driver,
    cast(null as date) as charge_date,
    months.target,
    cast(coalesce(weighted.weighted_quantity, months.quantity) as decimal(28, 4)) as quantity
from months
left join weighted
    on
        months.billing_period = weighted.billing_period
        and months.driver = weighted.driver
        and months.target = weighted.target
union all
select billing_period, driver, charge_date, target, cast(quantity as decimal(28, 4)) as quantity
from drivers
where driver in (select s.driver from {{ ref('stg_decisions__pool_steps') }} as s where s.is_daily)
