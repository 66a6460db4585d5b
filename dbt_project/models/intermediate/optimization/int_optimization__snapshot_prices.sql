-- What a GiB of a snapshot costs a month, from the own bill. Grain: source × region × currency.
select
    x_source,
    region_id,
    currency,
    max(contracted_unit_price) as snapshot_price
from {{ ref('dim_price_observed') }}
where meter_kind = 'snapshot_storage'
group by x_source, region_id, currency
