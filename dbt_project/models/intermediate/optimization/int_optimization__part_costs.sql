-- What each part of a resource (its storage, its calls, …) costs a month, from the newest 30 days of the bill. Grain: source × resource × kind of
-- meter × currency. `meter_sku` says what is bought where it is one thing.
select
    provider,
    x_source,
    resource_key,
    currency,
    meter_kind,
    case when count(distinct meter_sku) = 1 then max(meter_sku) end as meter_sku,
    max(cost_days) as cost_days,
    sum(quantity) as quantity,
    {{ per_month('sum(effective_cost)', 'max(cost_days)') }} as effective_month,
    {{ per_month('sum(contracted_cost)', 'max(cost_days)') }} as contracted_month,
    {{ per_month('sum(list_cost)', 'max(cost_days)') }} as list_month
from {{ ref('int_optimization__meters') }}
where resource_key is not null and meter_kind is not null
group by provider, x_source, resource_key, currency, meter_kind
