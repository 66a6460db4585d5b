-- How prices and quantities of a service moved between two spans. Grain: source × service × currency × span of a budget.
-- Ratios of money at effective prices; a scope takes them for its own part of the service.
with

spans as (
    select distinct starts_on, ends_on, before_starts_on from {{ ref('int_budgets__compared') }}
),

prices as (
    select
        spans.starts_on, spans.ends_on,
        market.x_source, market.service_name, market.currency, market.pricing_unit,
        market.region_id, market.sku_price_id, market.sku_meter, market.pricing_category,
        sum(case when market.month_start < spans.starts_on then market.quantity else 0 end) as quantity_before,
        sum(case when market.month_start >= spans.starts_on then market.quantity else 0 end) as quantity,
        sum(case when market.month_start < spans.starts_on then market.effective_cost else 0 end) as cost_before,
        sum(case when market.month_start >= spans.starts_on then market.effective_cost else 0 end) as cost
    from spans
    inner join {{ ref('int_market__months') }} as market
        on market.month_start >= spans.before_starts_on and market.month_start < spans.ends_on
    group by all
),

-- Of one unit: what it cost, what today's quantities would have cost then, what then's basket would cost at today's size.
units as (
    select
        starts_on, ends_on, x_source, service_name, currency, pricing_unit,
        sum(cost) as cost,
        sum(cost_before) as cost_before,
        sum(case when quantity_before = 0 then cost else 0 end) as new_cost,
        sum(case when quantity = 0 then cost_before else 0 end) as gone_cost,
        sum(case when quantity_before > 0 then quantity else 0 end) as kept_quantity,
        sum(case when quantity > 0 then quantity_before else 0 end) as kept_quantity_before,
        sum(case when quantity > 0 then cost_before else 0 end) as kept_cost_before,
        sum(case when quantity_before > 0 and quantity > 0
            then {{ price_times(unit_price('cost_before', 'quantity_before'), 'quantity') }} else 0
        end) as kept_at_prices_before
    from prices
    group by all
)

select
    starts_on,
    ends_on,
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
