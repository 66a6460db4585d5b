-- How much of a day's final cost a source has known n days later, from its own replaced deliveries.
-- known_share = 1 - sum(|final - known|) / sum(|final|) over the days of finished months that landed more than once.
-- Grain: source × billing currency × age in days (0 to 60).
with

chain as (
    select
        *,
        count(*) over (partition by x_source, billing_period) as deliveries,
        max(case when is_current then cast(delivered_at as date) end)
            over (partition by x_source, billing_period) as final_date
    from {{ ref('stg_finops__delivery_chain') }}
),

finished as (
    select *
    from chain
    where deliveries > 1 and final_date > {{ last_day_of('billing_period') }}
),

known as (
    select
        finished.x_source,
        totals.billing_currency,
        finished.billing_period,
        totals.charge_date,
        finished.is_current,
        finished.sequence,
        cast(finished.delivered_at as date) as delivered_date,
        sum(totals.effective_cost) as effective_cost
    from finished
    inner join {{ ref('int_deliveries__daily_totals') }} as totals on finished.delivery_version = totals.x_delivery_version
    group by all
),

final as (
    select x_source, billing_currency, billing_period, charge_date, effective_cost as final_cost
    from known
    where is_current
),

-- A day that a delivery did not have yet was known to cost nothing.
observed as (
    select
        final.x_source,
        final.billing_currency,
        final.billing_period,
        final.charge_date,
        final.final_cost,
        {{ days_from('final.charge_date', 'cast(finished.delivered_at as date)') }} as age_days,
        finished.sequence,
        coalesce(known.effective_cost, 0) as known_cost
    from final
    inner join finished
        on
            final.x_source = finished.x_source
            and final.billing_period = finished.billing_period
            and final.charge_date < cast(finished.delivered_at as date)
    left join known
        on
            final.x_source = known.x_source
            and final.billing_currency = known.billing_currency
            and final.billing_period = known.billing_period
            and final.charge_date = known.charge_date
            and finished.sequence = known.sequence
),

ages as (
    select cast(n as bigint) as age_days from {{ integers(0, 60) }} as numbers
),

-- What stood at each age is what the newest delivery by then said; before the first one, nothing is known of the day.
standing as (
    select
        ages.age_days,
        observed.x_source,
        observed.billing_currency,
        observed.final_cost,
        observed.known_cost
    from ages
    inner join observed on ages.age_days >= observed.age_days
    qualify row_number() over (
        partition by
            ages.age_days, observed.x_source, observed.billing_currency, observed.billing_period, observed.charge_date
        order by observed.sequence desc
    ) = 1
)

select
    x_source,
    billing_currency,
    age_days,
    count(*) as observed_days,
    {{ ratio('sum(abs(final_cost)) - sum(abs(final_cost - known_cost))', 'sum(abs(final_cost))') }} as known_share
from standing
group by x_source, billing_currency, age_days
