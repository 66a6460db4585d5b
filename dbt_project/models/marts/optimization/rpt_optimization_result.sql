-- What can be saved, in which order. Grain: provider × currency × wave. Raw is the sum of all that is open, which overlaps; de-duplicated is
-- what can be had: one action per resource and purpose, each on what the ones before it leave, net of commitments.
with

spend as (
    select
        provider,
        billing_currency as currency,
        {{ per_month('sum(effective_cost)', 'max(looked_at.days)') }} as spend_month
    from {{ ref('fct_daily_costs') }}
    cross join {{ ref('int_savings__window') }} as looked_at
    where charge_kind in ('cost', 'commitment_waste') and charge_date between looked_at.first_day and looked_at.last_day
    group by provider, billing_currency
),

waves as (
    select
        provider,
        currency,
        wave,
        cast(count(*) as bigint) as recommendations,
        cast(sum(case when counted_in_total then 1 else 0 end) as bigint) as counted,
        cast(sum(case when savings_net_now_month is null then 1 else 0 end) as bigint) as unpriced,
        {{ money('coalesce(sum(savings_contract_month), 0)') }} as savings_raw_month,
        {{ money('coalesce(sum(case when counted_in_total then savings_net_now_month end), 0)') }} as savings_now_month,
        {{ money('coalesce(sum(case when counted_in_total then savings_net_after_expiry_month end), 0)') }} as savings_after_expiry_month,
        {{ money('coalesce(sum(case when counted_in_total then savings_net_now_month_reporting end), 0)') }} as savings_now_month_reporting,
        {{ money('coalesce(sum(case when counted_in_total then one_time_cost end), 0)') }} as one_time_cost,
        cast(coalesce(sum(case when counted_in_total then effort_hours end), 0) as decimal(18, 2)) as effort_hours,
        cast(sum(case when counted_in_total and restart_needed then 1 else 0 end) as bigint) as restarts
    from {{ ref('fct_recommendations') }}
    where status in ('open', 'accepted', 'scheduled') and currency is not null
    group by provider, currency, wave
)

select
    waves.provider,
    waves.currency,
    waves.wave,
    waves.recommendations,
    waves.counted,
    waves.unpriced,
    waves.savings_raw_month,
    waves.savings_now_month,
    waves.savings_after_expiry_month,
    waves.savings_now_month_reporting,
    waves.one_time_cost,
    waves.effort_hours,
    waves.restarts,
    -- Weeks in which one practitioner does it at 20 hours a week, after the waves before.
    cast(ceil(sum(waves.effort_hours) over (
        partition by waves.provider, waves.currency order by waves.wave rows between unbounded preceding and current row
    ) / 20) as integer) as done_by_week,
    coalesce(spend.spend_month, 0) as spend_month,
    {{ ratio('spend.spend_month - sum(waves.savings_now_month) over (partition by waves.provider, waves.currency)', 'spend.spend_month') }}
        as efficiency_score
from waves
left join spend on waves.provider = spend.provider and waves.currency = spend.currency
