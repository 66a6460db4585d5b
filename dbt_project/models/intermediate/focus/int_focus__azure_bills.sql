{{ config(materialized='table') }}
-- In what unit a bill counts: Azure prices "10K" of something, and Quantity is in such blocks (seen in all EA exports) or in
-- single units. What reproduces the cost of most lines decides for the whole bill; a bill that has none is in blocks.
-- Grain: source × billing period. Floats are compared here, and no amount comes of them.
with

blocks as (
    select
        lines.x_source,
        lines.x_billing_period,
        units.block_size,
        cast(lines.cost as double) as cost,
        cast(lines.quantity as double) * cast(lines.effective_price as double)
        * case when lines.pricing_currency <> lines.currency then cast(lines.exchange_rate as double) else 1 end as product
    from {{ ref('stg_azure__cost_details') }} as lines
    inner join {{ ref('azure_pricing_units') }} as units on trim(lines.unit_of_measure) = units.unit_of_measure
    where units.block_size > 1 and lines.cost <> 0 and lines.effective_price <> 0 and lines.quantity <> 0
)

select
    x_source,
    x_billing_period,
    count(*) filter (where abs(product - cost) <= abs(product / block_size - cost)) * 2 >= count(*) as counts_in_blocks
from blocks
group by x_source, x_billing_period
