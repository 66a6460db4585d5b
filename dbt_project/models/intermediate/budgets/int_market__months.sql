-- What was bought and paid per month, by price. Grain: source × service × region × price × category × unit × currency × month.
select
    x_provider as provider,
    x_source,
    service_name,
    coalesce(region_id, '') as region_id,
    coalesce(sku_price_id, '') as sku_price_id,
    coalesce(sku_meter, '') as sku_meter,
    coalesce(pricing_category, '') as pricing_category,
    coalesce(pricing_unit, '') as pricing_unit,
    billing_currency as currency,
    cast({{ dbt.date_trunc('month', 'charge_period_start') }} as date) as month_start,
    cast(sum(pricing_quantity) as decimal(38, 12)) as quantity,
    {{ money('sum(contracted_cost)') }} as contracted_cost,
    {{ money('sum(effective_cost)') }} as effective_cost
from {{ ref('int_focus__charges') }}
where
    charge_category = 'Usage'
    and coalesce(commitment_discount_status, '') <> 'Unused'
    and coalesce(charge_class, '') <> 'Correction'
    and pricing_quantity > 0
group by all
