-- FOCUS rows of any provider and version, of the deliveries that the ledger does not hold yet. Grain: one row per charge.
select
    lines.* replace (coalesce(lines.charge_period_start, lines.billing_period_start) as charge_period_start),
    deliveries.delivery_version as x_delivery_version,
    deliveries.x_provider
from {{ landed('focus') }} as lines
inner join {{ ref('int_deliveries__current') }} as deliveries
    on
        lines.x_delivery_id = deliveries.delivery_id
        and lines.x_source = deliveries.x_source
        and lines.x_billing_period = deliveries.billing_period
where deliveries.is_new
