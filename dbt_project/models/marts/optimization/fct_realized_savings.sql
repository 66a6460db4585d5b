-- What came of recommendations that were carried out: the seven full days after against the baseline that was frozen when they were
-- accepted. Grain: recommendation. A removal is compared with the same weekdays before; a change of size or class at the old cost per unit
-- with what is used now, so that growth does not hide a saving and decline does not feign one.
with

baselines as (
    select * from {{ ref('stg_results__savings_baselines') }}
),

applied as (
    select
        baselines.recommendation_id,
        min(decided.applied_on) as applied_on
    from (select distinct recommendation_id from baselines) as baselines
    inner join {{ ref('stg_decisions__recommendation_decisions') }} as decided
        on starts_with(baselines.recommendation_id, decided.recommendation_id)
    where decided.decision = 'applied'
    group by baselines.recommendation_id
),

newest as (
    select x_source, max(charge_date) as newest_day from {{ ref('fct_daily_costs') }} group by x_source
),

expected as (
    select
        baselines.recommendation_id,
        {{ money('sum(baselines.baseline_cost)') }} as counterfactual,
        any_value(baselines.rule_id) as rule_id,
        any_value(baselines.provider) as provider,
        any_value(baselines.x_source) as x_source,
        any_value(baselines.resource_id) as resource_id,
        any_value(baselines.action_type) as action_type,
        any_value(baselines.currency) as currency,
        any_value(baselines.decided_on) as decided_on,
        any_value(baselines.pricing_unit) as pricing_unit,
        any_value(baselines.unit_cost_total) as unit_cost_total,
        any_value(baselines.quantity_total) as quantity_total,
        any_value(baselines.estimated_month) as estimated_month,
        any_value(coalesce(baselines.ongoing_cost_month, 0)) as ongoing_cost_month,
        any_value(applied.applied_on) as applied_on
    from baselines
    inner join applied on baselines.recommendation_id = applied.recommendation_id
    group by baselines.recommendation_id
),

spent as (
    select
        expected.recommendation_id,
        {{ money('sum(charges.effective_cost)') }} as cost,
        {{ money("sum(case when charges.pricing_unit = expected.pricing_unit then charges.effective_cost else 0 end)") }} as unit_cost,
        {{ money("sum(case when charges.pricing_unit = expected.pricing_unit then charges.pricing_quantity else 0 end)") }} as quantity
    from expected
    inner join {{ ref('int_focus__charges') }} as charges
        on lower(expected.resource_id) = lower(charges.resource_id) and expected.currency = charges.billing_currency
    where
        charges.charge_category = 'Usage'
        and cast(charges.charge_period_start as date)
        between {{ plus_days('expected.applied_on', 1) }} and {{ plus_days('expected.applied_on', 7) }}
    group by expected.recommendation_id
),

measured as (
    select
        expected.*,
        case when expected.action_type in ('Delete', 'Stop', 'ScaleIn') then 'same_weekdays' else 'unit_cost' end as method,
        -- What the action itself began to cost, such as a snapshot, is no saving.
        -- Seven days of a month of 365 / 12 days.
        {{ equal_part('expected.ongoing_cost_month * 84', '365', '2') }} as ongoing_cost,
        coalesce(spent.cost, 0) as spent_cost,
        coalesce(spent.unit_cost, 0) as spent_unit_cost,
        coalesce(spent.quantity, 0) as spent_quantity,
        coalesce({{ plus_days('expected.applied_on', 9) }} <= newest.newest_day, false) as is_over
    from expected
    left join spent on expected.recommendation_id = spent.recommendation_id
    left join newest on expected.x_source = newest.x_source
),

compared as (
    select
        *,
        case
            when not is_over then null
            when method = 'same_weekdays' then counterfactual
            when quantity_total > 0 then {{ price_times(unit_price('unit_cost_total', 'quantity_total'), 'spent_quantity') }}
        end as baseline_cost,
        case when is_over then case when method = 'same_weekdays' then spent_cost else spent_unit_cost end + ongoing_cost end
            as actual_cost
    from measured
),

realised as (
    select
        *,
        {{ money('baseline_cost - actual_cost') }} as realized,
        {{ per_month('baseline_cost - actual_cost', '7') }} as realized_month
    from compared
)

select
    cast(recommendation_id as varchar) as recommendation_id,
    rule_id,
    provider,
    x_source,
    resource_id,
    action_type,
    currency,
    cast(decided_on as date) as decided_on,
    cast(applied_on as date) as applied_on,
    {{ plus_days('applied_on', 1) }} as window_start,
    {{ plus_days('applied_on', 7) }} as window_end,
    method,
    {{ money('baseline_cost') }} as baseline_cost,
    {{ money('actual_cost') }} as actual_cost,
    realized as realized_savings,
    realized_month as realized_savings_month,
    {{ money('estimated_month') }} as estimated_savings_month,
    {{ ratio('realized_month', 'case when estimated_month > 0 then estimated_month end') }} as realisation_rate,
    -- A saving is counted for a year at most.
    {{ plus_months('applied_on', 12) }} as counted_until,
    case
        when not is_over then 'waiting'
        when realized is null then 'not_measurable'
        when realized > 0 then 'verified'
        else 'not_realised'
    end as status
from realised
