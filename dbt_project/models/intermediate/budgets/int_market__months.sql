-- What was bought and paid per month, by price. Grain: source × service × region × price × category × unit × currency × month ×
-- its first day or later.
select
    provider,
    x_source,
    service_name,
    region_id,
    sku_price_id,
    sku_meter,
    pricing_category,
    pricing_unit,
    currency,
    month_start,
    is_first_day,
    cast(sum(quantity) as decimal(38, 12)) as quantity,
    {{ money('sum(contracted_cost)') }} as contracted_cost,
    {{ money('sum(effective_cost)') }} as effective_cost
from {{ ref('int_market__deliveries') }}
group by all
