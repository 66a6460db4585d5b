-- What of each candidate's affected cost a commitment covers or could cover, hour by hour. Grain: candidate × pool × hour.
with

candidates as (
    select candidate_id, lower(resource_id) as resource_key, currency, cost_part
    from {{ ref('int_savings__priced') }}
    where share is not null
),

resources as (
    select distinct resource_key from candidates
),

-- Filtered before anything is joined: bills are large and candidates are few.
lines as (
    select charges.*
    from {{ ref('int_savings__lines') }} as charges
    inner join resources on charges.resource_key = resources.resource_key
),

spans as (
    select
        candidates.candidate_id,
        coalesce(pools.pool_id, concat_ws('/', lines.x_provider, lines.billing_account_id, lines.program, lines.billing_currency))
            as pool_id,
        date_trunc('hour', lines.charge_period_start) as first_hour,
        least(greatest({{ hours_from('lines.charge_period_start', 'lines.charge_period_end') }}, 1), 744) as hours,
        {{ money('sum(' ~ cost_without_commitments('lines') ~ ')') }} as cost
    from lines
    inner join candidates on lines.resource_key = candidates.resource_key and lines.billing_currency = candidates.currency
    left join {{ ref('int_commitments__pools') }} as pools
        on
            lines.x_source = pools.x_source
            and lines.commitment_discount_id = pools.commitment_id
            and lines.billing_currency = pools.currency
    where candidates.cost_part in ('all', lines.meter_kind)
    group by all
)

select
    spans.candidate_id,
    spans.pool_id,
    {{ plus_hours('spans.first_hour', 'positions.n - 1') }} as charge_hour,
    {{ money('sum(' ~ equal_part('spans.cost', 'spans.hours', 'positions.n') ~ ')') }} as eligible_cost
from spans
inner join {{ integers('1', '744') }} as positions on spans.hours >= positions.n
group by spans.candidate_id, spans.pool_id, {{ plus_hours('spans.first_hour', 'positions.n - 1') }}
