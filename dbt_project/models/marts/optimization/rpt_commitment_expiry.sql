-- When commitments end, and how much with them. Grain: provider × currency × month of the end (~unknown where no one tells).
-- Of commitments that cost something in the newest 31 days of their provider's bills, and of those that exist and no bill shows yet.
with

newest as (
    select provider, max(charge_date) as last_day
    from {{ ref('fct_commitments') }}
    group by provider
),

recent as (
    select
        commitments.provider,
        commitments.currency,
        coalesce({{ month_of('commitments.ends_on') }}, '~unknown') as ends_in,
        commitments.x_source,
        commitments.commitment_id,
        max(commitments.ends_on) as ends_on,
        max(newest.last_day) as as_of_date,
        count(*) as days,
        {{ money('sum(commitments.commitment_cost)') }} as commitment_cost,
        {{ money('sum(commitments.covered_cost)') }} as covered_cost,
        0 as not_billed
    from {{ ref('fct_commitments') }} as commitments
    inner join newest on commitments.provider = newest.provider
    where
        {{ days_from('commitments.charge_date', 'newest.last_day') }} < 31
        and (commitments.ends_on is null or commitments.ends_on > newest.last_day)
    group by all

    union all

    -- What it will cost in 31 days by its owner's list; what it will cover is not known.
    select
        provider,
        currency,
        coalesce({{ month_of('ends_on') }}, '~unknown') as ends_in,
        x_source,
        commitment_id,
        ends_on,
        as_of_date,
        0 as days,
        {{ money('coalesce(listed_cost_hour, 0) * 744') }} as commitment_cost,
        0 as covered_cost,
        1 as not_billed
    from {{ ref('rpt_commitment_inventory') }}
    where finding in ('not_billed', 'not_billed_yet') and currency is not null and as_of_date is not null
),

ladder as (
    select
        provider,
        currency,
        ends_in,
        max(as_of_date) as as_of_date,
        min(ends_on) as first_end,
        cast(count(*) as bigint) as commitments,
        cast(sum(not_billed) as bigint) as not_billed,
        {{ money('sum(commitment_cost)') }} as commitment_cost,
        {{ money('sum(covered_cost)') }} as covered_cost
    from recent
    group by provider, currency, ends_in
)

select
    ladder.provider,
    ladder.currency,
    ladder.ends_in,
    ladder.first_end,
    ladder.as_of_date,
    cast({{ days_from('ladder.as_of_date', 'ladder.first_end') }} as integer) as days_to_expiry,
    ladder.commitments,
    ladder.not_billed,
    ladder.commitment_cost,
    ladder.covered_cost,
    {{ ratio('ladder.commitment_cost', 'sum(ladder.commitment_cost) over (partition by ladder.provider, ladder.currency)') }}
        as share_of_total,
    -- More than a fifth ending in one month is a cliff: purchases should be spread (FinOps Foundation, commitment guard-rails).
    case
        when ladder.ends_in = '~unknown' then 'unknown_end'
        when {{ ratio('ladder.commitment_cost', 'sum(ladder.commitment_cost) over (partition by ladder.provider, ladder.currency)') }} > 0.2
            then 'cliff'
        else 'spread'
    end as finding
from ladder
