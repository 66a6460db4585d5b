-- What the same basket costs this month: last month's quantities at both months' contracted prices (Laspeyres).
-- Grain: month × source × service × currency. Prices that were bought in one of the months only are in neither sum.
with

months as (
    select
        provider, x_source, service_name, region_id, sku_price_id, sku_meter, pricing_category, pricing_unit, currency,
        month_start,
        cast(sum(quantity) as decimal(38, 12)) as quantity,
        {{ money('sum(contracted_cost)') }} as contracted_cost,
        {{ unit_price('sum(contracted_cost)', 'sum(quantity)') }} as unit_price
    from {{ ref('int_market__months') }}
    where contracted_cost is not null
    group by
        provider, x_source, service_name, region_id, sku_price_id, sku_meter, pricing_category, pricing_unit, currency,
        month_start
),

baskets as (
    select
        provider, x_source, service_name, currency, month_start,
        {{ money('sum(contracted_cost)') }} as contracted_cost
    from months
    group by all
),

matched as (
    select
        now.provider, now.x_source, now.service_name, now.currency, now.month_start,
        count(*) as prices,
        {{ money('sum(before.contracted_cost)') }} as basket_cost_before,
        {{ money("sum(" ~ price_times('now.unit_price', 'before.quantity') ~ ")") }} as basket_cost
    from months as now
    inner join months as before
        on
            now.x_source = before.x_source
            and now.service_name = before.service_name
            and now.region_id = before.region_id
            and now.sku_price_id = before.sku_price_id
            and now.sku_meter = before.sku_meter
            and now.pricing_category = before.pricing_category
            and now.pricing_unit = before.pricing_unit
            and now.currency = before.currency
            and now.month_start = cast({{ dbt.dateadd('month', 1, 'before.month_start') }} as date)
    where now.unit_price is not null and before.unit_price is not null
    group by now.provider, now.x_source, now.service_name, now.currency, now.month_start
)

select
    {{ month_of('matched.month_start') }} as billing_period,
    matched.provider,
    matched.x_source,
    matched.service_name,
    matched.currency,
    cast(matched.prices as integer) as prices,
    matched.basket_cost_before,
    matched.basket_cost,
    {{ ratio('(matched.basket_cost - matched.basket_cost_before)', 'matched.basket_cost_before') }} as price_change,
    {{ ratio('matched.basket_cost_before', 'baskets.contracted_cost') }} as basket_share,
    coalesce(
        abs(matched.basket_cost - matched.basket_cost_before) * 100 >= 20 * matched.basket_cost_before
        and matched.basket_cost_before > 0, false
    ) as is_market_change,
    -- 20 % calls for a look at other providers within 30 days, which a person approves.
    cast({{ dbt.dateadd('day', 30, dbt.dateadd('month', 1, 'matched.month_start')) }} as date) as evaluate_until
from matched
inner join baskets
    on
        matched.x_source = baskets.x_source
        and matched.service_name = baskets.service_name
        and matched.currency = baskets.currency
        and matched.month_start = cast({{ dbt.dateadd('month', 1, 'baskets.month_start') }} as date)
