-- What an hour of a size costs on demand, from the bill: the least that was seen. Grain: source × region × size × currency.
select
    x_source,
    region_id,
    currency,
    lower(meter_sku) as meter_sku,
    min(contracted_unit_price) as unit_price
from {{ ref('dim_price_observed') }}
where meter_kind in ({{ compute_kinds() }}) and meter_kind not in ('vm_spot', 'vm_credits') and pricing_category in ('Standard', 'Committed')
group by x_source, region_id, currency, lower(meter_sku)
