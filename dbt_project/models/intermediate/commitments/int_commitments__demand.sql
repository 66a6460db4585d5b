-- What commitments could still be bought for: usage on demand, net of existing commitments, of the chosen savings that come first, and of
-- what planned events take off for a year or more (of several the largest fall; events of teams are not told apart in a pool).
-- Grain: pool × service × region × family of sizes × hour of the window of int_savings__window. Costs are at contract prices, in the
-- pool's currency; what makes usage cheaper by itself, such as sustained use, is off them, and not off residual_before_reductions.
with

spans as (
    select
        concat_ws('/', lines.x_provider, lines.billing_account_id, lines.program, lines.billing_currency) as pool_id,
        lines.x_provider as provider,
        lines.billing_account_id,
        lines.program,
        lines.billing_currency as currency,
        lines.service_name,
        coalesce(lines.region_id, '') as region_id,
        -- A reservation is for a family of sizes; of a size that no seed knows, for the size.
        coalesce(sizes.family, lines.meter_sku, '') as family,
        date_trunc('hour', lines.charge_period_start) as first_hour,
        least(greatest({{ hours_from('lines.charge_period_start', 'lines.charge_period_end') }}, 1), 744) as hours,
        {{ money('sum(' ~ cost_without_commitments('lines') ~ ')') }} as cost,
        {{ money('sum(lines.contracted_cost)') }} as full_cost
    from {{ ref('int_savings__lines') }} as lines
    left join {{ ref('instance_sizes') }} as sizes
        on
            lines.x_provider = sizes.provider
            and replace(lines.meter_sku, ' Windows', '') = sizes.sku
            and lines.meter_kind = {{ compute_part('sizes.resource_type') }}
            and sizes.resource_type <> 'db_pool'
    where not lines.is_committed
    group by all
),

hourly as (
    select
        spans.pool_id, spans.provider, spans.billing_account_id, spans.program, spans.currency, spans.service_name, spans.region_id,
        spans.family,
        {{ plus_hours('spans.first_hour', 'positions.n - 1') }} as charge_hour,
        min(case when spans.hours = 1 then 1 else 0 end) as is_hourly,
        {{ money('sum(' ~ equal_part('spans.cost', 'spans.hours', 'positions.n') ~ ')') }} as on_demand_cost,
        {{ money('sum(' ~ equal_part('spans.full_cost', 'spans.hours', 'positions.n') ~ ')') }} as full_cost
    from spans
    inner join {{ integers('1', '744') }} as positions on spans.hours >= positions.n
    group by
        spans.pool_id, spans.provider, spans.billing_account_id, spans.program, spans.currency, spans.service_name, spans.region_id,
        spans.family,
        {{ plus_hours('spans.first_hour', 'positions.n - 1') }}
),

planned as (
    select pool_id, charge_hour, {{ money('sum(saving_net)') }} as saving_net
    from {{ ref('int_savings__replayed_hours') }}
    group by pool_id, charge_hour
),

shared as (
    select
        hourly.*,
        coalesce(planned.saving_net, 0) as saving_net,
        sum(hourly.on_demand_cost) over (partition by hourly.pool_id, hourly.charge_hour) as pool_cost
    from hourly
    left join planned on hourly.pool_id = planned.pool_id and hourly.charge_hour = planned.charge_hour
),

services as (
    select distinct pool_id, provider, service_name from hourly
),

falls as (
    select
        services.pool_id,
        services.service_name,
        cast(greatest(100 + min(events.change_percent), 0) * 0.01 as decimal(9, 6)) as remaining_share
    from services
    inner join {{ ref('stg_decisions__planned_events') }} as events
        on
            case events.scope when 'provider' then services.provider when 'service' then services.service_name else '' end
            = case events.scope
                when 'provider' then lower(events.scope_value) when 'service' then events.scope_value when 'total' then ''
            end
    cross join {{ ref('int_savings__window') }} as looked_at
    where
        events.change_percent < 0
        and events.starts_on > looked_at.last_day
        and events.ends_on >= {{ plus_months('events.starts_on', '12') }}
    group by services.pool_id, services.service_name
),

remaining as (
    select
        shared.*,
        falls.remaining_share is not null as falls,
        -- What goes away is taken from every service in proportion.
        cast((1 - {{ ratio('least(shared.saving_net, shared.pool_cost)', 'shared.pool_cost') }}) as decimal(9, 6)) as share_after_savings,
        coalesce(falls.remaining_share, cast(1 as decimal(9, 6))) as remaining_share
    from shared
    left join falls on shared.pool_id = falls.pool_id and shared.service_name = falls.service_name
)

select
    pool_id,
    provider,
    billing_account_id,
    program,
    currency,
    service_name,
    region_id,
    family,
    charge_hour,
    is_hourly,
    falls,
    on_demand_cost,
    {{ money(money('on_demand_cost * share_after_savings') ~ ' * remaining_share') }} as residual_cost,
    {{ money(money('full_cost * share_after_savings') ~ ' * remaining_share') }} as residual_before_reductions
from remaining
where on_demand_cost > 0
