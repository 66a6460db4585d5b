-- What was paid per unit, from the bill itself: the last day on which a price was seen. Grain: source × region × price × currency.
with

days as (
    select
        x_provider as provider,
        x_source,
        region_id,
        service_name,
        sku_meter,
        sku_price_id,
        pricing_category,
        pricing_unit,
        billing_currency as currency,
        cast(charge_period_start as date) as price_date,
        -- A price belongs to one product; the description says which.
        max(charge_description) as charge_description,
        sum(pricing_quantity) as quantity,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost,
        sum(effective_cost) as effective_cost
    from {{ ref('int_focus__charges') }}
    where
        charge_category = 'Usage'
        and coalesce(commitment_discount_status, '') <> 'Unused'
        and coalesce(charge_class, '') <> 'Correction'
        and pricing_quantity > 0
        and sku_meter is not null
    group by
        x_provider, x_source, region_id, service_name, sku_meter, sku_price_id, pricing_category, pricing_unit, billing_currency,
        cast(charge_period_start as date)
    qualify row_number() over (
        partition by
            x_source, region_id, service_name, sku_meter, sku_price_id, pricing_category, pricing_unit, billing_currency
        order by cast(charge_period_start as date) desc
    ) = 1
)

select
    days.provider,
    days.x_source,
    days.region_id,
    days.service_name,
    days.sku_meter,
    days.sku_price_id,
    days.pricing_category,
    days.pricing_unit,
    days.currency,
    kinds.meter_kind,
    kinds.meter_sku,
    days.price_date,
    {{ unit_price('days.contracted_cost', 'days.quantity') }} as contracted_unit_price,
    {{ unit_price('days.list_cost', 'days.quantity') }} as list_unit_price,
    {{ unit_price('days.effective_cost', 'days.quantity') }} as effective_unit_price,
    cast(days.quantity as decimal(38, 12)) as quantity
from days
left join {{ ref('int_optimization__meter_kinds') }} as kinds
    on
        {{ is_kind_of('kinds', 'days', provider='provider') }}
