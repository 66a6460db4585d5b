-- What every candidate would save before commitments and duplicates, and where its price comes from. Grain: candidate.
-- Price ladder: the share is known, or the price after was seen in the own bill, or two list prices, or normalised units, or what peers
-- assume; without any of them savings are NULL, never 0. The same discount is assumed before and after.
with

candidates as (
    select * from {{ ref('int_optimization__candidates') }}
),

prices as (
    select
        x_source,
        coalesce(region_id, '') as region_id,
        meter_kind,
        meter_sku,
        currency,
        max(contracted_unit_price) as contracted_unit_price,
        max(list_unit_price) as list_unit_price
    from {{ ref('dim_price_observed') }}
    where pricing_category = 'Standard' and contracted_unit_price > 0
    group by x_source, coalesce(region_id, ''), meter_kind, meter_sku, currency
),

-- A person's latest word on a recommendation; the first characters of its id are enough.
decisions as (
    select
        candidates.candidate_id,
        decided.decision,
        decided.decided_by,
        decided.decided_on,
        decided.until,
        decided.applied_on,
        decided.reason
    from candidates
    inner join {{ ref('stg_decisions__recommendation_decisions') }} as decided
        on starts_with(candidates.candidate_id, decided.recommendation_id)
    where decided.until is null or decided.until > candidates.run_date
    qualify row_number() over (
        partition by candidates.candidate_id order by decided.decided_on desc, decided.decision desc
    ) = 1
),

ratios as (
    select
        candidates.*,
        case
            when candidates.contracted_cost_month is null or candidates.contracted_cost_month < 0 then 'none'
            when candidates.saved_share is not null then 'known_share'
            when candidates.target_cost_month is not null then 'observed_price'
            when now.contracted_unit_price > 0 and afterwards.contracted_unit_price > 0 then 'observed_price'
            when now.list_unit_price > 0 and afterwards.list_unit_price > 0 then 'list_ratio'
            when candidates.normalised_ratio is not null then 'normalised_units'
            when candidates.fixed_saving_share is not null then 'estimate_fixed_pct'
            else 'none'
        end as price_source,
        {{ ratio('candidates.contracted_cost_month - candidates.target_cost_month', 'candidates.contracted_cost_month') }} as target_share,
        1 - {{ ratio('afterwards.contracted_unit_price', 'now.contracted_unit_price') }} as contracted_share,
        1 - {{ ratio('afterwards.list_unit_price', 'now.list_unit_price') }} as list_share,
        decisions.decision,
        decisions.decided_by,
        decisions.decided_on,
        decisions.until as decided_until,
        decisions.applied_on,
        decisions.reason as decision_reason
    from candidates
    left join decisions on candidates.candidate_id = decisions.candidate_id
    left join prices as now
        on
            candidates.x_source = now.x_source
            and coalesce(candidates.region_id, '') = now.region_id
            and candidates.currency = now.currency
            and candidates.cost_part = now.meter_kind
            and candidates.current_sku = now.meter_sku
    left join prices as afterwards
        on
            candidates.x_source = afterwards.x_source
            and coalesce(candidates.region_id, '') = afterwards.region_id
            and candidates.currency = afterwards.currency
            and candidates.cost_part = afterwards.meter_kind
            and candidates.target_sku = afterwards.meter_sku
),

shares as (
    select
        *,
        -- No resource saves more than it costs.
        case when price_source <> 'none' then cast(least(case price_source
            when 'known_share' then saved_share
            when 'observed_price' then coalesce(target_share, contracted_share)
            when 'list_ratio' then list_share
            when 'normalised_units' then 1 - normalised_ratio
            when 'estimate_fixed_pct' then fixed_saving_share
        end, 1) as decimal(13, 12)) end as share,
        cast(case price_source
            when 'list_ratio' then 0.9 when 'normalised_units' then 0.8 when 'estimate_fixed_pct' then 0.5 when 'none' then 0.5 else 1
        end as decimal(18, 6)) as price_confidence
    from ratios
)

select
    shares.*,
    {{ money('contracted_cost_month * share') }} as savings_contract,
    {{ money('list_cost_month * share') }} as savings_list,
    -- The weakest link decides. A rule without metrics has none to be unsure of; one that promised too much is believed less.
    cast(least(
        greatest(coalesce(realisation.realisation_rate, 1), 0),
        confidence_cap,
        price_confidence,
        coalesce(metrics_factor, 1),
        coalesce({{ ratio('observed_hours', 'expected_hours') }}, 1),
        coalesce(least({{ ratio('history_days', 'lookback_days') }}, 1), 1),
        1 - least(coalesce(variation, 0), 1)
    ) as decimal(18, 6)) as confidence,
    coalesce(decision in ('dismiss', 'suppress'), false) as is_declined
from shares
left join {{ ref('int_savings__realisation') }} as realisation on shares.rule_id = realisation.rule_id
