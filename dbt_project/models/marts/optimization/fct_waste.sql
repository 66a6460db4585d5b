-- What is paid for and not used, by resource and rule. Grain: rule × resource × target × currency.
with

candidates as (
    select
        *,
        case
            when saved_share is not null then {{ money('effective_cost_month * cast(saved_share as decimal(13, 12))') }}
            when target_cost_month is not null then
                {{ money('effective_cost_month * (1 - ' ~ ratio('target_cost_month', 'contracted_cost_month') ~ ')') }}
            when normalised_ratio is not null then {{ money('effective_cost_month * (1 - normalised_ratio)') }}
            when fixed_saving_share is not null then {{ money('effective_cost_month * fixed_saving_share') }}
        end as waste_month,
        case
            when effective_cost_month is null then 'unknown'
            when saved_share is not null then 'share'
            when target_cost_month is not null then 'price'
            when normalised_ratio is not null then 'normalised_units'
            when fixed_saving_share is not null then 'estimate_fixed_pct'
            else 'unknown'
        end as waste_basis
    from {{ ref('int_optimization__candidates') }}
    -- Another generation or another way to buy is a better price, not waste.
    where dimension in ('existence', 'schedule', 'size', 'storage_class')
),

ranked as (
    select
        *,
        -- One resource is wasted once: by the rule that removes it, else by the one that saves most.
        row_number() over (
            partition by provider, lower(resource_id), currency
            order by case when dimension = 'existence' then 0 else 1 end, waste_month desc nulls last, candidate_id
        ) as place
    from candidates
    where waste_month is null or waste_month >= min_saving_month
)

select
    ranked.candidate_id,
    ranked.run_date,
    ranked.rule_id,
    rules.title,
    ranked.provider,
    ranked.x_source,
    ranked.sub_account_id,
    ranked.region_id,
    ranked.resource_id,
    ranked.resource_name,
    ranked.resource_type,
    ranked.environment,
    owners.cost_center_id,
    ranked.action_type,
    ranked.currency,
    ranked.effective_cost_month,
    ranked.waste_month,
    ranked.waste_basis,
    ranked.place = 1 as is_counted,
    ranked.signals,
    ranked.is_upper_bound,
    ranked.evidence,
    ranked.data_gaps
from ranked
inner join {{ ref('optimization_rules') }} as rules on ranked.rule_id = rules.rule_id
left join {{ ref('int_optimization__owners') }} as owners
    on ranked.x_source = owners.x_source and lower(ranked.resource_id) = owners.resource_key
