-- Why a statement is what it is: rules, drivers and shares behind it. Grain: billing period × cost centre × currency ×
-- method × rule × version × reason. Of a closed month they are those that were posted with it, and never change.
with

closings as (
    select * from {{ ref('int_books__closings') }}
)

select
    drivers.billing_period, drivers.cost_center_id, drivers.currency, drivers.method, drivers.rule_id, drivers.rule_version,
    drivers.unallocated_reason, drivers.driver, drivers.is_fallback, drivers.driver_value, drivers.driver_total,
    drivers.share, drivers.rule_cost, drivers.allocated_cost,
    false as is_posted
from {{ ref('int_statements__drivers') }} as drivers
left join closings on drivers.billing_period = closings.billing_period
where closings.billing_period is null
union all
select
    posted.billing_period, posted.cost_center_id, posted.currency, posted.method, posted.rule_id, posted.rule_version,
    posted.unallocated_reason, posted.driver, posted.is_fallback, posted.driver_value, posted.driver_total,
    posted.share, posted.rule_cost, posted.allocated_cost,
    true as is_posted
from {{ ref('stg_finops__book_drivers') }} as posted
inner join closings on posted.sequence = closings.sequence
