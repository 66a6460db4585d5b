-- Where each month's books stand. Grain: billing period that has any event.
-- Later changes of closed months are posted in the month after the newest closed one.
with

last_events as (
    select billing_period, event
    from {{ ref('stg_finops__book_events') }}
    qualify row_number() over (partition by billing_period order by sequence desc) = 1
),

postings as (
    select billing_period, count(*) as revisions
    from {{ ref('stg_finops__book_events') }}
    where event <> 'soft_close'
    group by billing_period
)

select
    last_events.billing_period,
    case last_events.event when 'close' then 'closed' when 'soft_close' then 'soft_closed' else 'open' end as status,
    coalesce(postings.revisions, 0) as revisions,
    {{ month_of(dbt.dateadd('month', 1, "cast(max(case when last_events.event = 'close' then last_events.billing_period end) over () || '-01' as date)")) }}
        as first_open_period
from last_events
left join postings on last_events.billing_period = postings.billing_period
