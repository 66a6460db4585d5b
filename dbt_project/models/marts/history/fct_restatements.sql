-- What a provider changed after the fact, and when we learned it.
-- Grain: source × billing period × pair of consecutive deliveries × day × account × service × currency that differs.
-- Late rows have no cost before, vanished ones none after; costs moved between accounts are two rows that cancel out.
select
    x_source,
    x_provider as provider,
    billing_period,
    charge_date,
    billing_account_id,
    sub_account_id,
    service_name,
    billing_currency,
    from_delivery_id,
    to_delivery_id,
    from_sequence,
    to_sequence,
    landed_at,
    cast({{ days_from('charge_date', 'cast(delivered_at as date)') }} as bigint) as days_after_charge,
    case when lines_before = 0 then 'appeared' when lines_after = 0 then 'vanished' else 'changed' end as change,
    lines_before,
    lines_after,
    billed_before,
    billed_after,
    {{ money('billed_after - billed_before') }} as billed_difference,
    effective_before,
    effective_after,
    {{ money('effective_after - effective_before') }} as effective_difference
from {{ ref('int_deliveries__differences') }}
where not is_pair
