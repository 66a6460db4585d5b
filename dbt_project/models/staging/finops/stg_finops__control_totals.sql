-- Control totals of landing. Grain: delivery × dataset × currency × metric.
-- source_total is the source's sum with each line rounded to 12 decimals, rounding_total what that took from it.
select
    delivery_id,
    source as x_source,
    billing_period,
    part as x_dataset,
    currency,
    metric,
    is_billed,
    cost_columns,
    source_total,
    rounding_total,
    landed_total
from {{ landed_register('control_totals') }}
