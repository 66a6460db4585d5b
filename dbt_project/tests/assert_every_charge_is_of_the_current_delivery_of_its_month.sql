-- Every row of the ledger belongs to a delivery of dim_deliveries, and to the one that is current. Returns the others.
with

held as (
    select x_source, x_billing_period, x_delivery_id, count(*) as charge_lines
    from {{ ref('int_focus__charges') }}
    group by x_source, x_billing_period, x_delivery_id
)

select held.x_source, held.x_billing_period, held.x_delivery_id, held.charge_lines
from held
left join {{ ref('dim_deliveries') }} as deliveries
    on
        held.x_source = deliveries.x_source
        and held.x_billing_period = deliveries.billing_period
        and held.x_delivery_id = deliveries.delivery_id
        and deliveries.is_current
where deliveries.delivery_id is null
