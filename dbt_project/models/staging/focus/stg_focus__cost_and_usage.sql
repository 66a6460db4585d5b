-- FOCUS rows of any provider and version, of the deliveries that the ledger does not hold yet. Grain: one row per charge.
select
    lines.* replace (
        -- Lines without a cost may have no dates of their own; the gate lets no others through.
        coalesce(lines.charge_period_start, lines.billing_period_start) as charge_period_start,
        -- A file that names no provider is of the one that finops.toml gives its source.
        coalesce(lines.provider_name, lines.service_provider_name, deliveries.x_provider) as provider_name
    ),
    deliveries.ledger_version as x_delivery_version,
    deliveries.x_provider
from {{ landed('focus') }} as lines
inner join {{ ref('int_deliveries__current') }} as deliveries
    on
        lines.x_delivery_id = deliveries.delivery_id
        and lines.x_source = deliveries.x_source
        and lines.x_billing_period = deliveries.billing_period
where deliveries.is_new
