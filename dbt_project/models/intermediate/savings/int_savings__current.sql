-- Today's recommendations on resources and on purchases, before their history and decisions. Grain: recommendation.
with

resources as (
    select
        priced.candidate_id as recommendation_id,
        priced.run_date, priced.provider, priced.x_source, priced.billing_account_id, priced.sub_account_id, priced.region_id,
        priced.resource_id, priced.resource_name, priced.resource_type, priced.environment, priced.tags,
        priced.rule_id, priced.rule_version, priced.action_type, priced.dimension, priced.stack_order,
        priced.current_config, priced.recommended_config, priced.currency,
        priced.lookback_days, priced.observed_hours, priced.expected_hours, priced.metric_stat, priced.evidence,
        priced.effective_cost_month as cost_before_month,
        priced.contracted_cost_month,
        priced.price_source,
        priced.share as saved_share,
        coalesce(chosen.remaining_share, 1) as remaining_share,
        priced.savings_list as savings_list_month,
        priced.savings_contract as savings_contract_month,
        case
            when chosen.is_chosen
                then {{ money('priced.contracted_cost_month * chosen.marginal_share') }} - coalesce(replayed.covered_saving_month, 0)
            else alone.savings_net_alone
        end as savings_before_ongoing,
        case when chosen.is_chosen then coalesce(replayed.covered_saving_month, 0)
            else priced.savings_contract - alone.savings_net_alone end as covered_saving_month,
        -- The first year's average: a snapshot that is kept for three months costs a quarter of its price.
        {{ money('priced.ongoing_cost_month * cast(least(coalesce(priced.ongoing_months, 12), 12) / 12.0 as decimal(9, 8))') }}
            as ongoing_first_year_month,
        case when priced.ongoing_months is null then priced.ongoing_cost_month else 0 end as ongoing_for_good_month,
        priced.ongoing_cost_month,
        ends.earliest_commitment_expiry,
        priced.one_time_cost,
        priced.effort, priced.restart_needed, priced.rollback_possible, priced.performance_risk, priced.risk,
        priced.confidence, priced.is_automatable, priced.is_upper_bound,
        case
            when priced.price_source <> 'none' or priced.data_gaps like '%"price"%' then priced.data_gaps
            when priced.data_gaps = '[]' then '["price"]'
            else concat('["price", ', substr(priced.data_gaps, 2))
        end as data_gaps,
        chosen.exclusive_group, chosen.superseded_by,
        coalesce(chosen.is_chosen, false) as is_chosen,
        coalesce(chosen.is_out, false) as is_out,
        priced.decision, priced.decided_by, priced.decided_on, priced.decided_until, priced.applied_on, priced.decision_reason
    from {{ ref('int_savings__priced') }} as priced
    left join {{ ref('int_savings__chosen') }} as chosen on priced.candidate_id = chosen.candidate_id
    left join {{ ref('int_savings__alone') }} as alone on priced.candidate_id = alone.candidate_id
    left join {{ ref('int_savings__replayed') }} as replayed on priced.candidate_id = replayed.candidate_id
    left join {{ ref('int_savings__pool_ends') }} as ends on priced.candidate_id = ends.candidate_id
),

purchase_decisions as (
    select plans.plan_id, decided.*
    from {{ ref('fct_commitment_plan') }} as plans
    inner join {{ ref('stg_decisions__recommendation_decisions') }} as decided
        on starts_with(plans.plan_id, decided.recommendation_id)
    where decided.until is null or decided.until > plans.run_date
    qualify row_number() over (partition by plans.plan_id order by decided.decided_on desc, decided.decision desc) = 1
),

-- The chosen plans of a pool, on what the recommendations on resources leave: one over all of it, or one per region and family.
purchases as (
    select
        plans.plan_id as recommendation_id,
        plans.run_date, plans.provider, cast(null as varchar) as x_source, plans.billing_account_id,
        cast(null as varchar) as sub_account_id, cast(null as varchar) as region_id,
        plans.pool_id as resource_id, plans.offer_name as resource_name, 'commitment_pool' as resource_type,
        cast(null as varchar) as environment, cast(null as varchar) as tags,
        'commitment_purchase' as rule_id, '1' as rule_version, plans.action_type, 'purchase' as dimension, 6 as stack_order,
        cast(null as varchar) as current_config,
        {{ json_of({
            'offer': 'plans.offer_id', 'term_months': 'plans.term_months', 'payment_option': 'plans.payment_option',
            'commitment_hour': 'plans.guarded_commitment_hour', 'buy_now_commitment_hour': 'plans.buy_now_commitment_hour',
            'guard_rails': 'plans.guard_rails'
        }) }} as recommended_config,
        plans.currency, cast(plans.hours as integer) // 24 as lookback_days, cast(plans.hours as bigint) as observed_hours,
        cast(plans.hours as bigint) as expected_hours, plans.granularity as metric_stat, plans.evidence,
        {{ money('plans.demand_mean_hour * 730') }} as cost_before_month,
        {{ money('plans.demand_mean_hour * 730') }} as contracted_cost_month,
        'observed_price' as price_source,
        cast(plans.effective_savings_rate_after as decimal(13, 12)) as saved_share,
        1 as remaining_share,
        plans.savings_month as savings_list_month,
        plans.savings_month as savings_contract_month,
        plans.savings_month as savings_before_ongoing,
        0 as covered_saving_month, 0 as ongoing_first_year_month, 0 as ongoing_for_good_month, 0 as ongoing_cost_month,
        cast(null as date) as earliest_commitment_expiry,
        plans.upfront_cost as one_time_cost,
        'VeryLow' as effort, false as restart_needed, false as rollback_possible, 0 as performance_risk, 'financial' as risk,
        case when plans.granularity = 'hour' then 0.8 else 0.5 end as confidence,
        false as is_automatable, plans.granularity <> 'hour' as is_upper_bound,
        '[]' as data_gaps,
        concat_ws('|', plans.pool_id, 'purchase') as exclusive_group, cast(null as varchar) as superseded_by,
        true as is_chosen, false as is_out,
        decided.decision, decided.decided_by, decided.decided_on, decided.until as decided_until, decided.applied_on,
        decided.reason as decision_reason
    from {{ ref('fct_commitment_plan') }} as plans
    left join purchase_decisions as decided on plans.plan_id = decided.plan_id
    where plans.is_chosen
),

together as (
    select * from resources
    union all
    select * from purchases
)

select
    *,
    {{ money('case when savings_before_ongoing > 0 then savings_before_ongoing when savings_before_ongoing <= 0 then 0 end - ongoing_first_year_month') }} as savings_net_now_month,
    {{ money('case when savings_before_ongoing > 0 then savings_before_ongoing when savings_before_ongoing <= 0 then 0 end + covered_saving_month - ongoing_for_good_month') }} as savings_net_after_expiry_month
from together
