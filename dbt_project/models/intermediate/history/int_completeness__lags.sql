-- After how many days a source's days do not change any more. Grain: source.
-- Its own history decides where it holds a month's worth of days; else the provider's usual lag does.
-- Mature means: from that age on at least 99.9 % of the final cost was known.
with

sources as (
    select x_source, min(x_provider) as provider from {{ ref('stg_finops__delivery_chain') }} group by x_source
),

maturity as (
    select * from {{ ref('int_completeness__maturity') }}
),

own as (
    select
        x_source,
        max(observed_days) as observed_days,
        coalesce(max(case when known_share < 0.999 then age_days end) + 1, min(age_days)) as mature_after_days
    from maturity
    group by x_source
    having max(observed_days) >= 28
),

lags as (
    select * from {{ ref('billing_lags') }}
)

select
    sources.x_source,
    sources.provider,
    cast(coalesce(own.mature_after_days, provider_lags.final_after_days, other_lags.final_after_days) as bigint)
        as mature_after_days,
    case when own.x_source is not null then 'own_history' else 'provider_default' end as mature_basis
from sources
left join own on sources.x_source = own.x_source
left join lags as provider_lags on sources.provider = provider_lags.provider
left join lags as other_lags on other_lags.provider = '*'
