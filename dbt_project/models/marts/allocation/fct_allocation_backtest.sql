-- What allocation got right, once better was known. Grain: evidence × billing period × source × currency.
-- closed_month: what was posted when the month closed, against what costs, tags and rules say now.
-- late_tags: the days before a resource got its tag, against the owner that the tag names; days that no direct rule
-- claimed count as nobody's, though a pool may have given a part of them to that owner.
with

splits as (
    select
        rule_id,
        rule_version,
        cost_center_id,
        share_percent
    from {{ ref('stg_decisions__allocation_rules') }}
),

closed as (
    select billing_period from {{ ref('int_books__periods') }} where status = 'closed'
),

amounts as (
    select
        'closed_month' as evidence,
        billing_period,
        x_source,
        currency,
        cost_center_id,
        amount as allocated,
        cast(0 as decimal(28, 12)) as proven
    from {{ ref('stg_finops__book_lines') }}
    where posting_period = billing_period and billing_period in (select c.billing_period from closed as c)
    union all
    select 'closed_month' as evidence, billing_period, x_source, currency, cost_center_id, 0 as allocated, amount as proven
    from {{ ref('int_chargeback__calculated') }}
    where billing_period in (select c.billing_period from closed as c)
    union all
    select
        'late_tags' as evidence,
        late.billing_period,
        late.x_source,
        late.currency,
        coalesce(splits.cost_center_id, '~unallocated') as cost_center_id,
        {{ money('late.effective_cost * coalesce(splits.share_percent, 100) * 0.01') }} as allocated,
        0 as proven
    from {{ ref('int_allocation__late_tags') }} as late
    left join splits on late.rule_id = splits.rule_id and late.rule_version = splits.rule_version
    union all
    select
        'late_tags' as evidence,
        late.billing_period,
        late.x_source,
        late.currency,
        splits.cost_center_id,
        0 as allocated,
        {{ money('late.effective_cost * splits.share_percent * 0.01') }} as proven
    from {{ ref('int_allocation__late_tags') }} as late
    inner join splits on late.tag_rule_id = splits.rule_id and late.tag_rule_version = splits.rule_version
),

units as (
    select
        evidence,
        billing_period,
        x_source,
        currency,
        cost_center_id,
        sum(allocated) as allocated,
        sum(proven) as proven
    from amounts
    where cost_center_id <> '~rounding'
    group by evidence, billing_period, x_source, currency, cost_center_id
),

totals as (
    select
        evidence,
        billing_period,
        x_source,
        currency,
        {{ money('sum(allocated)') }} as allocated_cost,
        {{ money('sum(proven)') }} as proven_cost,
        {{ money('(sum(abs(allocated - proven)) - abs(sum(allocated) - sum(proven))) * 0.5') }} as misallocated_cost
    from units
    group by evidence, billing_period, x_source, currency
)

select
    evidence,
    billing_period,
    x_source,
    currency,
    allocated_cost,
    proven_cost,
    {{ money('proven_cost - allocated_cost') }} as restated_cost,
    misallocated_cost,
    -- Domain page 4.7: 1 − Σ|allocated − true| / (2·Σ true), without what changed in the total itself.
    cast(1 - {{ ratio('misallocated_cost', 'proven_cost') }} as decimal(18, 6)) as backtest_accuracy
from totals
