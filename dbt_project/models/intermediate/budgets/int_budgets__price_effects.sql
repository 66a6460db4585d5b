-- How prices and quantities of a service moved from the time before a budget to one of its months.
-- Grain: source × service × currency × time before × month × its days so far. The time before is taken as in
-- int_budgets__compared: its first days for the month's first day, the others for as many as the month has.
-- Ratios of money at effective prices; a scope takes them for its own part of the service.
{%- set at_days = 'case when months.is_first_day then spans.first_share else spans.other_share end' %}
with

spans as (
    select distinct before_starts_on, starts_on, month_start, days, first_share, other_share
    from {{ ref('int_budgets__compared') }}
),

sides as (
    select
        spans.before_starts_on, spans.starts_on, spans.month_start, spans.days,
        months.x_source, months.service_name, months.currency, months.pricing_unit,
        months.region_id, months.sku_price_id, months.sku_meter, months.pricing_category,
        cast(0 as decimal(38, 12)) as quantity_before,
        cast(0 as decimal(38, 12)) as comparable_quantity,
        months.quantity,
        cast(0 as decimal(28, 12)) as cost_before,
        cast(0 as decimal(28, 12)) as comparable_cost,
        months.effective_cost as cost
    from spans
    inner join {{ ref('int_market__months') }} as months on spans.month_start = months.month_start
    union all
    select
        spans.before_starts_on, spans.starts_on, spans.month_start, spans.days,
        months.x_source, months.service_name, months.currency, months.pricing_unit,
        months.region_id, months.sku_price_id, months.sku_meter, months.pricing_category,
        months.quantity as quantity_before,
        {{ share_of_quantity('months.quantity', at_days) }} as comparable_quantity,
        cast(0 as decimal(38, 12)) as quantity,
        months.effective_cost as cost_before,
        {{ share_of_money('months.effective_cost', at_days) }} as comparable_cost,
        cast(0 as decimal(28, 12)) as cost
    from spans
    inner join (
        select
            times.before_starts_on, times.starts_on, market.is_first_day,
            market.x_source, market.service_name, market.currency, market.pricing_unit,
            market.region_id, market.sku_price_id, market.sku_meter, market.pricing_category,
            cast(sum(market.quantity) as decimal(38, 12)) as quantity,
            {{ money('sum(market.effective_cost)') }} as effective_cost
        from (select distinct before_starts_on, starts_on from spans) as times
        inner join {{ ref('int_market__months') }} as market
            on market.month_start >= times.before_starts_on and market.month_start < times.starts_on
        group by all
    ) as months
        on spans.before_starts_on = months.before_starts_on and spans.starts_on = months.starts_on
),

prices as (
    select
        before_starts_on, starts_on, month_start, days, x_source, service_name, currency, pricing_unit,
        region_id, sku_price_id, sku_meter, pricing_category,
        sum(quantity_before) as quantity_before,
        sum(comparable_quantity) as comparable_quantity,
        sum(quantity) as quantity,
        sum(cost_before) as cost_before,
        sum(comparable_cost) as comparable_cost,
        sum(cost) as cost
    from sides
    group by all
),

-- Of one unit: what it cost, what today's quantities would have cost then, what then's basket would cost at today's size.
units as (
    select
        before_starts_on, starts_on, month_start, days, x_source, service_name, currency, pricing_unit,
        sum(cost) as cost,
        sum(comparable_cost) as cost_before,
        sum(case when quantity_before = 0 then cost else 0 end) as new_cost,
        sum(case when quantity = 0 then comparable_cost else 0 end) as gone_cost,
        sum(case when quantity_before > 0 then quantity else 0 end) as kept_quantity,
        sum(case when quantity > 0 then comparable_quantity else 0 end) as kept_quantity_before,
        sum(case when quantity > 0 then comparable_cost else 0 end) as kept_cost_before,
        sum(case when quantity_before > 0 and quantity > 0
            then {{ price_times(unit_price('cost_before', 'quantity_before'), 'quantity') }} else 0
        end) as kept_at_prices_before
    from prices
    group by all
)

select
    before_starts_on,
    starts_on,
    month_start,
    days,
    x_source,
    service_name,
    currency,
    {{ ratio('sum(new_cost)', 'sum(cost)') }} as new_share,
    {{ ratio('sum(gone_cost)', 'sum(cost_before)') }} as gone_share,
    {{ ratio('sum(kept_at_prices_before)', '(sum(cost) - sum(new_cost))') }} as before_price_ratio,
    {{ ratio(
        "sum(" ~ money('kept_cost_before * ' ~ ratio('kept_quantity', 'kept_quantity_before')) ~ ")",
        'sum(kept_cost_before)'
    ) }} as volume_ratio
from units
group by all
