-- The statements as double entry for the ledger of the company. Grain: journal line.
-- One journal per posting period, revision and currency. Each cost centre's account is debited (credited when negative),
-- central clearing takes the other side, so debits equal credits to the cent. Fractions of a cent are not booked.
-- Differences of exchange rates have no amount in their own currency: they are booked in the reporting currency.
-- A closed month's journal is the one that was posted: accounts that change later change later journals only.
with

posted as (
    select journal.*, events.revision
    from {{ ref('stg_finops__book_journal') }} as journal
    inner join {{ ref('stg_finops__book_events') }} as events on journal.sequence = events.sequence
),

postings as (
    select distinct billing_period, revision from posted
),

accounts as (
    select
        coalesce(max(case when use = 'clearing' then account end), '6999') as clearing,
        coalesce(max(case when use = 'default' then account end), '6000') as default_account,
        coalesce(max(case when use = 'unallocated' then account end), '6998') as unallocated,
        coalesce(max(case when use = 'company' then account end), '') as company
    from {{ ref('stg_decisions__gl_accounts') }}
),

centers as (
    select cost_center_id, valid_from, valid_to, gl_account, business_unit
    from {{ ref('stg_decisions__cost_centers') }}
),

reporting as (
    select coalesce(max(minor_units), 2) as minor_units, cast(power(10, coalesce(max(minor_units), 2)) as integer) as factor
    from {{ ref('currencies') }}
    where currency_code = '{{ var("reporting_currency") }}'
),

amounts as (
    select
        lines.posting_period,
        lines.billing_period,
        lines.revision,
        lines.cost_center_id,
        lines.kind,
        lines.currency,
        min(lines.status) as status,
        sum(lines.amount) as amount
    from {{ ref('fct_chargeback') }} as lines
    left join postings on lines.posting_period = postings.billing_period and lines.revision = postings.revision
    where lines.kind not in ('rounding', 'fx') and postings.revision is null
    group by
        lines.posting_period, lines.billing_period, lines.revision, lines.cost_center_id, lines.kind, lines.currency
    having sum(lines.amount) <> 0
    union all
    select
        lines.posting_period,
        lines.billing_period,
        lines.revision,
        lines.cost_center_id,
        lines.kind,
        '{{ var("reporting_currency") }}' as currency,
        min(lines.status) as status,
        {{ from_minor_units('cast(round(sum(lines.amount_reporting) * max(reporting.factor), 0) as bigint)', 'max(reporting.minor_units)') }}
            as amount
    from {{ ref('fct_chargeback') }} as lines
    left join postings on lines.posting_period = postings.billing_period and lines.revision = postings.revision
    cross join reporting
    where lines.kind = 'fx' and postings.revision is null
    group by lines.posting_period, lines.billing_period, lines.revision, lines.cost_center_id, lines.kind
),

dated as (
    select *, last_day(cast(posting_period || '-01' as date)) as posting_date from amounts
),

named as (
    select
        dated.*,
        centers.gl_account,
        row_number() over (
            partition by dated.posting_period, dated.billing_period, dated.revision, dated.cost_center_id, dated.kind,
            dated.currency
            order by case when dated.posting_date between centers.valid_from and centers.valid_to then 0 else 1 end,
            centers.valid_from desc nulls last
        ) as version_rank
    from dated
    left join centers on dated.cost_center_id = centers.cost_center_id
),

expenses as (
    select
        named.posting_period,
        named.billing_period,
        named.revision,
        named.posting_date,
        named.status,
        named.currency,
        coalesce(
            uses.account,
            case when named.cost_center_id = '~unallocated' then accounts.unallocated else named.gl_account end,
            accounts.default_account
        ) as account,
        named.cost_center_id,
        named.kind,
        named.amount,
        1 as side
    from named
    cross join accounts
    left join {{ ref('stg_decisions__gl_accounts') }} as uses on named.kind = uses.use
    where named.version_rank = 1
),

clearing as (
    select
        expenses.posting_period,
        expenses.billing_period,
        expenses.revision,
        expenses.posting_date,
        min(expenses.status) as status,
        expenses.currency,
        accounts.clearing as account,
        cast(null as varchar) as cost_center_id,
        'clearing' as kind,
        -sum(expenses.amount) as amount,
        2 as side
    from expenses
    cross join accounts
    group by all
),

entries as (
    select * from expenses
    union all
    select * from clearing
)

select
    'FIN-' || entries.posting_period || '-' || entries.currency || '-R' || cast(entries.revision as varchar) as journal_id,
    cast(row_number() over (
        partition by entries.posting_period, entries.currency, entries.revision
        order by entries.side, entries.billing_period, entries.cost_center_id, entries.kind
    ) as integer) as line_no,
    entries.posting_period as billing_period,
    entries.billing_period as origin_period,
    entries.posting_date,
    accounts.company,
    entries.account,
    entries.cost_center_id,
    {{ money('case when entries.amount > 0 then entries.amount else 0 end') }} as debit,
    {{ money('case when entries.amount < 0 then -entries.amount else 0 end') }} as credit,
    entries.currency,
    'Cloud cost ' || entries.billing_period || ', ' || replace(entries.kind, '_', ' ') as text,
    'fct_chargeback ' || entries.posting_period as source_ref,
    case
        when events.event = 'reopen'
            then 'FIN-' || entries.posting_period || '-' || entries.currency || '-R' || cast(entries.revision - 1 as varchar)
    end as reversal_of,
    entries.status = 'closed' as is_posted
from entries
cross join accounts
left join {{ ref('stg_finops__book_events') }} as events
    on
        entries.posting_period = events.billing_period
        and entries.revision = events.revision
        and events.event <> 'soft_close'
where entries.amount <> 0
union all
select
    posted.journal_id, posted.line_no, posted.billing_period, posted.origin_period, posted.posting_date, posted.company,
    posted.account, posted.cost_center_id, posted.debit, posted.credit, posted.currency, posted.text, posted.source_ref,
    posted.reversal_of,
    true as is_posted
from posted
