-- What providers recommend; for comparison, never added to ours. Grain: source × day × recommendation.
select
    source as usage_source,
    day,
    provider,
    recommendation_id,
    origin,
    rule,
    resource_id,
    account_id,
    region,
    action_type,
    current_config,
    recommended_config,
    monthly_savings,
    currency,
    is_after_discounts,
    effort,
    state,
    details
from {{ landed_usage('provider_recommendations') }}
