-- What providers recommend, beside what is recommended here for the same resource. Grain: source of signals × provider's recommendation,
-- of the newest day that the source could be asked. For comparison: providers count overlaps twice and some count at list prices.
with

newest as (
    select usage_source, max(day) as day
    from {{ ref('stg_usage__provider_recommendations') }}
    group by usage_source
),

told as (
    select
        recommendations.*,
        lower(recommendations.resource_id) as resource_key
    from {{ ref('stg_usage__provider_recommendations') }} as recommendations
    inner join newest on recommendations.usage_source = newest.usage_source and recommendations.day = newest.day
),

-- The one that counts first, then the one that saves most.
ours as (
    select
        provider,
        lower(resource_id) as resource_key,
        recommendation_id,
        rule_id,
        action_type,
        currency,
        savings_net_now_month
    from {{ ref('fct_recommendations') }}
    where status in ('open', 'accepted', 'scheduled') and dimension <> 'purchase'
    qualify row_number() over (
        partition by provider, lower(resource_id)
        order by
            case when counted_in_total then 0 else 1 end asc, savings_net_now_month desc nulls last, recommendation_id asc
    ) = 1
)

select
    told.usage_source,
    told.day as as_of_date,
    told.provider,
    told.origin,
    told.recommendation_id as provider_recommendation_id,
    told.resource_id,
    told.account_id,
    told.region as region_id,
    told.action_type,
    told.current_config,
    told.recommended_config,
    told.currency,
    {{ money('told.monthly_savings') }} as savings_month,
    told.is_after_discounts,
    told.effort,
    ours.recommendation_id,
    ours.rule_id,
    ours.action_type as own_action_type,
    ours.currency as own_currency,
    {{ money('ours.savings_net_now_month') }} as own_savings_net_now_month,
    case
        when ours.recommendation_id is null then 'provider_only'
        when ours.action_type = told.action_type then 'same_action'
        else 'other_action'
    end as comparison
from told
left join ours on told.provider = ours.provider and told.resource_key = ours.resource_key
