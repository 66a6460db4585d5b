-- depends_on: {{ ref('int_deliveries__current') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_replaced_deliveries() }}"
) }}
-- What each delivery says was bought and paid, by price. Only new deliveries of the ledger are read.
-- Grain: delivery × service × region × price × category × unit × currency × month of use × its first day or later.
select
    x_delivery_version,
    x_provider as provider,
    x_source,
    service_name,
    coalesce(region_id, '') as region_id,
    coalesce(sku_price_id, '') as sku_price_id,
    coalesce(sku_meter, '') as sku_meter,
    coalesce(pricing_category, '') as pricing_category,
    coalesce(pricing_unit, '') as pricing_unit,
    billing_currency as currency,
    {{ first_of_its_month('charge_period_start') }} as month_start,
    extract(day from charge_period_start) = 1 as is_first_day,
    cast(sum(pricing_quantity) as decimal(38, 12)) as quantity,
    {{ money('sum(contracted_cost)') }} as contracted_cost,
    {{ money('sum(effective_cost)') }} as effective_cost
from {{ ref('int_focus__charges') }}
where
    charge_category = 'Usage'
    and coalesce(commitment_discount_status, '') <> 'Unused'
    and coalesce(charge_class, '') <> 'Correction'
    and pricing_quantity > 0
    and {{ of_new_deliveries() }}
group by all
