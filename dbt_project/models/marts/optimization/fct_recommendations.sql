-- What to do about cost, what it saves now and when commitments end, and what became of what was said before.
-- Grain: recommendation. The row contract is the domain page's 1.1.
with

current_ones as (
    select * from {{ ref('int_savings__current') }}
),

history as (
    select * from {{ ref('int_savings__history') }}
),

efforts as (
    select * from {{ ref('effort_levels') }}
),

owners as (
    select
        lower(costs.resource_id) as resource_key,
        min(costs.cost_center_id) as first_owner,
        count(distinct costs.cost_center_id) as owners
    from {{ ref('int_savings__owners') }} as costs
    group by lower(costs.resource_id)
),

open_ones as (
    select
        current_ones.*,
        efforts.effort_hours,
        efforts.effort_rank,
        case when owners.owners = 1 then owners.first_owner when owners.owners > 1 then '~several' end as owner_unit,
        coalesce(history.first_seen_date, current_ones.run_date) as first_seen_date,
        case
            -- The day before today on which anything was recommended knew it too: it goes on.
            when history.in_a_row_since is not null then history.in_a_row_since
            else current_ones.run_date
        end as in_a_row_since,
        case
            when current_ones.decision = 'dismiss' then 'dismissed'
            when current_ones.decision = 'suppress' or current_ones.is_out then 'suppressed'
            when current_ones.decision = 'accept' then 'accepted'
            when current_ones.decision = 'schedule' then 'scheduled'
            when current_ones.decision = 'applied' then 'applied'
            else 'open'
        end as status
    from current_ones
    left join efforts on current_ones.effort = efforts.effort
    left join history on current_ones.recommendation_id = history.recommendation_id
    left join owners on lower(current_ones.resource_id) = owners.resource_key
),

shown as (
    select
        recommendation_id, run_date, first_seen_date, run_date as last_seen_date,
        cast({{ days_from('in_a_row_since', 'run_date') }} as integer) // 7 + 1 as weeks_in_a_row,
        provider, x_source, billing_account_id, sub_account_id, region_id, resource_id, resource_name, resource_type, owner_unit,
        environment, rule_id, rule_version, action_type, dimension, stack_order, current_config, recommended_config,
        lookback_days, observed_hours, expected_hours, metric_stat, evidence, currency, cost_before_month, contracted_cost_month,
        price_source, saved_share, remaining_share, savings_list_month, savings_contract_month, savings_net_now_month,
        savings_net_after_expiry_month, covered_saving_month, earliest_commitment_expiry, one_time_cost, ongoing_cost_month,
        effort, effort_hours, restart_needed, rollback_possible, performance_risk, risk, confidence, is_automatable, is_upper_bound,
        data_gaps, exclusive_group, superseded_by,
        is_chosen and status in ('open', 'accepted', 'scheduled') and savings_net_now_month is not null as counted_in_total,
        status, cast(null as varchar) as archive_reason, decided_by, decided_on, decided_until, applied_on, decision_reason,
        effort_rank
    from open_ones

    union all

    select
        gone.recommendation_id, gone.today as run_date, history.first_seen_date, history.last_seen_date, 0 as weeks_in_a_row,
        gone.provider, gone.x_source, gone.billing_account_id, gone.sub_account_id, gone.region_id, gone.resource_id,
        gone.resource_name, gone.resource_type, gone.owner_unit, gone.environment, gone.rule_id, gone.rule_version, gone.action_type,
        gone.dimension, gone.stack_order, gone.current_config, gone.recommended_config, gone.lookback_days, null as observed_hours,
        null as expected_hours, gone.metric_stat, gone.evidence, gone.currency, gone.cost_before_month, gone.contracted_cost_month,
        gone.price_source, gone.saved_share, gone.remaining_share, gone.savings_list_month, gone.savings_contract_month,
        gone.savings_net_now_month, gone.savings_net_after_expiry_month, gone.covered_saving_month, null as earliest_commitment_expiry,
        gone.one_time_cost, gone.ongoing_cost_month, gone.effort, efforts.effort_hours, gone.restart_needed, gone.rollback_possible,
        gone.performance_risk, gone.risk, gone.confidence, gone.is_automatable, gone.is_upper_bound, gone.data_gaps,
        gone.exclusive_group, null as superseded_by, false as counted_in_total,
        case when gone.archive_reason = 'RECOMMENDATION_APPLIED' then 'applied' else 'expired' end as status,
        gone.archive_reason, null as decided_by, null as decided_on, null as decided_until, null as applied_on,
        null as decision_reason, efforts.effort_rank
    from {{ ref('int_savings__gone') }} as gone
    inner join history on gone.recommendation_id = history.recommendation_id
    left join efforts on gone.effort = efforts.effort
),

-- Work costs what finops.toml says, in the currency of the saving.
priced as (
    select
        shown.*,
        rates.rate,
        {% if var('hour_of_work') -%}
        cast({{ unit_price("cast(shown.effort_hours * cast('" ~ var('hour_of_work') ~ "' as decimal(16, 4)) as decimal(28, 12))", 'cast(rates.rate as decimal(28, 12))') }}
            as decimal(28, 12)) as work_cost
        {%- else -%}
        cast(null as decimal(28, 12)) as work_cost
        {%- endif %}
    from shown
    left join {{ ref('int_currency__newest_rates') }} as rates on shown.currency = rates.from_currency
)

select
    cast(shown.recommendation_id as varchar) as recommendation_id,
    shown.run_date,
    shown.first_seen_date,
    shown.last_seen_date,
    cast(shown.weeks_in_a_row as integer) as weeks_in_a_row,
    shown.provider,
    shown.x_source,
    shown.billing_account_id,
    shown.sub_account_id,
    shown.region_id,
    shown.resource_id,
    shown.resource_name,
    shown.resource_type,
    shown.owner_unit,
    shown.environment,
    shown.rule_id,
    shown.rule_version,
    shown.action_type,
    shown.dimension,
    cast(shown.stack_order as integer) as stack_order,
    shown.current_config,
    shown.recommended_config,
    cast(shown.lookback_days as integer) as lookback_days,
    cast(shown.observed_hours as bigint) as observed_hours,
    cast(shown.expected_hours as bigint) as expected_hours,
    shown.metric_stat,
    shown.evidence,
    shown.currency,
    {{ money('shown.cost_before_month') }} as cost_before_month,
    {{ money('shown.contracted_cost_month') }} as contracted_cost_month,
    shown.price_source,
    cast(shown.saved_share as decimal(13, 12)) as saved_share,
    cast(shown.remaining_share as decimal(13, 12)) as remaining_share,
    {{ money('shown.savings_list_month') }} as savings_list_month,
    {{ money('shown.savings_contract_month') }} as savings_contract_month,
    {{ money('shown.savings_net_now_month') }} as savings_net_now_month,
    {{ money('shown.savings_net_after_expiry_month') }} as savings_net_after_expiry_month,
    {{ money('shown.covered_saving_month') }} as covered_saving_month,
    cast(shown.earliest_commitment_expiry as date) as earliest_commitment_expiry,
    cast('{{ var("reporting_currency") }}' as varchar) as reporting_currency,
    {{ money('shown.savings_net_now_month * shown.rate') }} as savings_net_now_month_reporting,
    {{ money('shown.savings_net_after_expiry_month * shown.rate') }} as savings_net_after_expiry_month_reporting,
    {{ money('shown.one_time_cost') }} as one_time_cost,
    {{ money('shown.ongoing_cost_month') }} as ongoing_cost_month,
    shown.work_cost,
    {{ ratio('shown.one_time_cost + coalesce(shown.work_cost, 0)', 'case when shown.savings_net_now_month > 0 then shown.savings_net_now_month end') }}
        as payback_months,
    shown.effort,
    cast(shown.effort_hours as decimal(9, 2)) as effort_hours,
    cast(shown.restart_needed as boolean) as restart_needed,
    cast(shown.rollback_possible as boolean) as rollback_possible,
    cast(shown.performance_risk as decimal(4, 2)) as performance_risk,
    shown.risk,
    cast(shown.confidence as decimal(18, 6)) as confidence,
    case when shown.confidence >= 0.8 then 'high' when shown.confidence >= 0.5 then 'medium' else 'low' end as confidence_band,
    cast(shown.is_automatable as boolean) as is_automatable,
    cast(shown.is_upper_bound as boolean) as is_upper_bound,
    shown.data_gaps,
    shown.exclusive_group,
    shown.superseded_by,
    cast(shown.counted_in_total as boolean) as counted_in_total,
    -- Waves: what is quick and safe first, then what needs a restart or care, then projects, commitments last.
    cast(case
        when shown.dimension = 'purchase' then 4
        when shown.effort_rank <= 2 and shown.risk in ('very_low', 'low') and not shown.restart_needed then 1
        when shown.effort_rank <= 3 and shown.risk <> 'high' then 2
        else 3
    end as integer) as wave,
    shown.status,
    shown.archive_reason,
    shown.decided_by,
    cast(shown.decided_on as date) as decided_on,
    cast(shown.decided_until as date) as decided_until,
    cast(shown.applied_on as date) as applied_on,
    shown.decision_reason
from priced as shown
