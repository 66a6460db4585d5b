-- The posting that a closed month stands on. Grain: closed billing period.
select events.billing_period, max(events.sequence) as sequence
from {{ ref('stg_finops__book_events') }} as events
inner join {{ ref('int_books__periods') }} as periods
    on events.billing_period = periods.billing_period and periods.status = 'closed'
where events.event = 'close'
group by events.billing_period
