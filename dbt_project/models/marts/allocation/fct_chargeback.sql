-- Statement lines. Grain: line_id; per billing period × cost centre × source × service × kind × currency one line,
-- and one per posting of it. A closed month's lines are those that were posted and never change; what costs or rules say
-- differently since then are adjustments, posted in the first open month under their month of origin (billing_period).
-- Per billing period all lines sum to the allocated costs of today, to the last decimal. A closed month keeps its rate;
-- what another rate of today would make of it is a line of kind fx, which has an amount in the reporting currency only.
with

calculated as (
    select * from {{ ref('int_chargeback__calculated') }}
),

periods as (
    select * from {{ ref('int_books__periods') }}
),

posted as (
    select * from {{ ref('stg_finops__book_lines') }}
),

open_lines as (
    select
        calculated.billing_period,
        calculated.billing_period as posting_period,
        calculated.cost_center_id,
        case
            when coalesce(periods.revisions, 0) = 0 then calculated.line_id
            else {{ hash_of(['calculated.line_id', 'cast(periods.revisions + 1 as varchar)']) }}
        end as line_id,
        calculated.kind,
        calculated.x_source,
        calculated.provider,
        calculated.service_name,
        calculated.amount,
        calculated.billed_amount,
        calculated.currency,
        calculated.amount_reporting,
        cast(coalesce(periods.revisions, 0) + 1 as integer) as revision
    from calculated
    left join periods on calculated.billing_period = periods.billing_period
    where coalesce(periods.status, 'open') <> 'closed'
),

changes as (
    select
        billing_period, cost_center_id, x_source, provider, service_name, currency,
        sum(amount) as amount,
        sum(billed_amount) as billed_amount
    from (
        select billing_period, cost_center_id, x_source, provider, service_name, currency, amount, billed_amount
        from calculated
        union all
        select
            billing_period, cost_center_id, x_source, provider, service_name, currency,
            -amount as amount,
            -billed_amount as billed_amount
        from posted
    ) as both_sides
    where billing_period in (select c.billing_period from periods as c where c.status = 'closed')
    group by billing_period, cost_center_id, x_source, provider, service_name, currency
    having sum(amount) <> 0 or sum(billed_amount) <> 0
),

adjustments as (
    select
        changes.billing_period,
        periods.first_open_period as posting_period,
        changes.cost_center_id,
        {{ hash_of([
            'changes.billing_period', 'periods.first_open_period', 'changes.cost_center_id', 'changes.x_source',
            'changes.provider', 'changes.service_name', 'changes.currency', "'adjustment'",
            "cast(coalesce(open_periods.revisions, 0) as varchar)"
        ]) }} as line_id,
        case when changes.cost_center_id = '~rounding' then 'rounding' else 'adjustment' end as kind,
        changes.x_source,
        changes.provider,
        changes.service_name,
        {{ money('changes.amount') }} as amount,
        {{ money('changes.billed_amount') }} as billed_amount,
        changes.currency,
        {{ money('changes.amount * rates.rate') }} as amount_reporting,
        cast(coalesce(open_periods.revisions, 0) + 1 as integer) as revision
    from changes
    inner join periods on changes.billing_period = periods.billing_period
    left join periods as open_periods on periods.first_open_period = open_periods.billing_period
    left join {{ ref('int_currency__rates') }} as rates
        on changes.billing_period = rates.billing_period and changes.currency = rates.from_currency
),

fx_changes as (
    select billing_period, x_source, currency, sum(amount_reporting) as amount_reporting
    from (
        select
            calculated.billing_period,
            calculated.x_source,
            calculated.currency,
            {{ money('sum(calculated.amount) * (rates.decided_rate - rates.rate)') }} as amount_reporting
        from calculated
        inner join {{ ref('int_currency__rates') }} as rates
            on calculated.billing_period = rates.billing_period and calculated.currency = rates.from_currency
        where rates.is_kept and rates.decided_rate is not null
        group by calculated.billing_period, calculated.x_source, calculated.currency, rates.decided_rate, rates.rate
        union all
        select billing_period, x_source, currency, -amount_reporting as amount_reporting from posted where kind = 'fx'
    ) as both_sides
    where billing_period in (select c.billing_period from periods as c where c.status = 'closed')
    group by billing_period, x_source, currency
    having sum(amount_reporting) <> 0
),

fx_lines as (
    select
        fx_changes.billing_period,
        periods.first_open_period as posting_period,
        '~fx' as cost_center_id,
        {{ hash_of([
            'fx_changes.billing_period', 'periods.first_open_period', 'fx_changes.x_source', 'fx_changes.currency', "'fx'",
            "cast(coalesce(open_periods.revisions, 0) as varchar)"
        ]) }} as line_id,
        'fx' as kind,
        fx_changes.x_source,
        cast(null as varchar) as provider,
        'Exchange rate' as service_name,
        {{ money('0') }} as amount,
        {{ money('0') }} as billed_amount,
        fx_changes.currency,
        {{ money('fx_changes.amount_reporting') }} as amount_reporting,
        cast(coalesce(open_periods.revisions, 0) + 1 as integer) as revision
    from fx_changes
    inner join periods on fx_changes.billing_period = periods.billing_period
    left join periods as open_periods on periods.first_open_period = open_periods.billing_period
),

unposted as (
    select * from open_lines
    union all
    select * from adjustments
    union all
    select * from fx_lines
)

select
    billing_period, posting_period, cost_center_id, line_id, kind, x_source, provider, service_name, amount,
    billed_amount, currency, amount_reporting, 'closed' as status, revision
from posted
union all
select
    unposted.billing_period, unposted.posting_period, unposted.cost_center_id, unposted.line_id, unposted.kind,
    unposted.x_source, unposted.provider, unposted.service_name, unposted.amount, unposted.billed_amount,
    unposted.currency, unposted.amount_reporting,
    coalesce(periods.status, 'open') as status,
    unposted.revision
from unposted
left join periods on unposted.posting_period = periods.billing_period
