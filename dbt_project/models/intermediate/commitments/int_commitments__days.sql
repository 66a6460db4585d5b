-- What every commitment did on every day. Grain: source × commitment × currency × day. What is billed for more than a day, such as
-- a month's unused reservation, is spread evenly over its days, to the last decimal.
with

spans as (
    select
        x_source,
        commitment_id,
        currency,
        status,
        cast(period_start as date) as first_day,
        least(greatest(cast(ceil({{ hours_from('period_start', 'period_end') }} / 24.0) as integer), 1), 31) as days,
        max(is_valued_at_list) as is_valued_at_list,
        {{ money('sum(effective_cost)') }} as effective_cost,
        {{ money('sum(contracted_cost)') }} as contracted_cost,
        {{ money('sum(list_cost)') }} as list_cost
    from {{ ref('int_commitments__spans') }}
    where commitment_id is not null
    group by all
),

daily as (
    select
        spans.x_source,
        spans.commitment_id,
        spans.currency,
        spans.status,
        {{ plus_days('spans.first_day', 'positions.n - 1') }} as charge_date,
        spans.is_valued_at_list,
        {{ equal_part('spans.effective_cost', 'spans.days', 'positions.n') }} as effective_cost,
        {{ equal_part('spans.contracted_cost', 'spans.days', 'positions.n') }} as contracted_cost,
        {{ equal_part('spans.list_cost', 'spans.days', 'positions.n') }} as list_cost
    from spans
    inner join {{ integers('1', '31') }} as positions on spans.days >= positions.n
)

select
    x_source,
    commitment_id,
    currency,
    charge_date,
    max(case when status = 'used' then is_valued_at_list else 0 end) as is_valued_at_list,
    {{ money('sum(effective_cost)') }} as commitment_cost,
    {{ money("sum(case when status = 'used' then effective_cost else 0 end)") }} as used_cost,
    {{ money("sum(case when status = 'unused' then effective_cost else 0 end)") }} as unused_cost,
    {{ money("sum(case when status = 'used' then contracted_cost else 0 end)") }} as covered_cost,
    {{ money("sum(case when status = 'used' then list_cost else 0 end)") }} as covered_list_cost
from daily
group by x_source, commitment_id, currency, charge_date
