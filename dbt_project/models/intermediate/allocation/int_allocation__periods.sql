-- What each billing period's allocation depends on: its deliveries and rates, its drivers, the drivers and costs of earlier
-- months where a pool looks back at them, and all other decisions. Grain: billing period.
with

costs as (
    select
        billing_period,
        string_agg(cost_version, ',' order by cost_version) as costs
    from {{ ref('int_costs__versions') }}
    group by billing_period
),

drivers as (
    select
        {{ month_of('date') }} as billing_period,
        {{ hash_of(["string_agg(concat_ws('|', driver, cost_center_id, cast(date as varchar), cast(quantity as varchar)), ','"
            ~ " order by driver, cost_center_id, date, quantity)"]) }} as drivers
    from {{ ref('stg_decisions__drivers') }}
    group by {{ month_of('date') }}
),

charged as (
    select distinct
        billing_period,
        {{ first_of_its_month('charge_date') }} as charge_month
    from {{ ref('fct_daily_costs') }}
),

shared as (
    select
        charged.billing_period,
        string_agg(months.shared_version, ',' order by months.charge_month) as shared
    from charged
    inner join {{ ref('int_allocation__months') }} as months on charged.charge_month = months.charge_month
    group by charged.billing_period
),

own as (
    select
        costs.billing_period,
        cast(costs.billing_period || '-01' as date) as first_day,
        {{ hash_of(['costs.billing_period', 'costs.costs', 'shared.shared']) }} as own_version
    from costs
    left join shared on costs.billing_period = shared.billing_period
),

-- A driver may be of a month that no bill is of.
looked_at as (
    select distinct
        own.billing_period,
        own.first_day,
        steps.months_back,
        {{ month_of(dbt.dateadd('month', '-steps.months_back', 'own.first_day')) }} as driver_period
    from own
    cross join (
        select months_back from {{ ref('stg_decisions__pool_steps') }}
        union
        select 0 as months_back
    ) as steps
),

versions as (
    select
        looked_at.billing_period,
        looked_at.first_day,
        {{ hash_of([
            'looked_at.billing_period', 'any_value(decisions.version)',
            "string_agg(concat_ws('|', cast(looked_at.months_back as varchar), coalesce(own.own_version, ''),"
            ~ " coalesce(drivers.drivers, '')), ',' order by looked_at.months_back)",
        ]) }} as inputs_version
    from looked_at
    cross join {{ ref('int_allocation__decisions') }} as decisions
    left join own on looked_at.driver_period = own.billing_period
    left join drivers on looked_at.driver_period = drivers.billing_period
    group by looked_at.billing_period, looked_at.first_day
)

select
    versions.billing_period,
    versions.inputs_version,
    finished.version is null as is_stale,
    versions.first_day,
    cast({{ dbt.dateadd('month', 1, 'versions.first_day') }} as date) as next_first_day
from versions
left join ({{ finished_versions() }}) as finished on versions.inputs_version = finished.version
