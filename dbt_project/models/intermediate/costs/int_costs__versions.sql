-- What each delivery's daily costs depend on: the delivery itself, deliveries that it takes from, and its month's rates. Grain: delivery.
with

rates as (
    select
        billing_period,
        string_agg(from_currency || '=' || cast(rate as varchar), ',' order by from_currency) as rates
    from {{ ref('int_currency__rates') }}
    group by billing_period
)

select
    deliveries.ledger_version as x_delivery_version,
    deliveries.x_source,
    deliveries.billing_period,
    {{ hash_of(['deliveries.ledger_version', "'" ~ var('reporting_currency') ~ "'", 'rates.rates']) }} as cost_version
from {{ ref('int_deliveries__current') }} as deliveries
left join rates on deliveries.billing_period = rates.billing_period
