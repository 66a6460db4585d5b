-- The cost centre as its statement names it: the version in force on the last day of the month, else the nearest before.
-- Grain: billing period × cost centre. Of a closed month it is what was posted with it, and never changes.
with

periods as (
    select distinct posting_period as billing_period, last_day(cast(posting_period || '-01' as date)) as last_day
    from {{ ref('fct_chargeback') }}
),

closings as (
    select * from {{ ref('int_books__closings') }}
),

posted as (
    select
        book.billing_period, book.cost_center_id, book.name, book.team, book.department, book.business_unit, book.owner,
        book.gl_account
    from {{ ref('stg_finops__book_cost_centers') }} as book
    inner join closings on book.sequence = closings.sequence
),

versions as (
    select
        periods.billing_period,
        centers.cost_center_id,
        centers.name,
        centers.team,
        centers.department,
        centers.business_unit,
        centers.owner,
        centers.gl_account,
        row_number() over (
            partition by periods.billing_period, centers.cost_center_id
            order by
                case when centers.valid_from is null or centers.valid_from <= periods.last_day then 0 else 1 end,
                centers.valid_from desc nulls last
        ) as version_rank
    from periods
    cross join {{ ref('stg_decisions__cost_centers') }} as centers
)

select
    versions.billing_period, versions.cost_center_id, versions.name, versions.team, versions.department,
    versions.business_unit, versions.owner, versions.gl_account,
    false as is_posted
from versions
where
    versions.version_rank = 1
    and versions.billing_period not in (select posted.billing_period from posted)
union all
select
    posted.billing_period, posted.cost_center_id, posted.name, posted.team, posted.department, posted.business_unit,
    posted.owner, posted.gl_account,
    true as is_posted
from posted
