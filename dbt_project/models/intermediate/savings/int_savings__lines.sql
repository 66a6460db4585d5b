{{ config(materialized='view') }}
-- Usage in the window of int_savings__window that commitments cover or could cover. Grain: charge line.
-- Their billing periods are named, so that the part of them alone is read.
with

periods as (
    select distinct spans.x_billing_period
    from {{ ref('int_costs__usage_spans') }} as spans
    inner join {{ ref('int_savings__window') }} as looked_at
        on spans.first_day <= looked_at.last_day and spans.last_day >= looked_at.first_day
)

select lines.*
from {{ ref('int_commitments__eligible') }} as lines
cross join {{ ref('int_savings__window') }} as looked_at
where
    lines.x_billing_period in (select periods.x_billing_period from periods)
    and cast(lines.charge_period_start as date) between looked_at.first_day and looked_at.last_day
    and coalesce(lines.commitment_discount_status, '') <> 'Unused'
