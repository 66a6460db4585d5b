-- Rules with the thresholds in force: a decision before a default, a rule's own before that of all rules, a profile's own
-- before that of any. Grain: rule × profile. Another threshold makes another rule_version.
{%- set thresholds = optimization_thresholds() %}
with

profiles as (
    select 'prod' as profile
    union all
    select 'nonprod' as profile
),

known as (
    select rule_id, profile, threshold, value, 1 as is_decided from {{ ref('stg_decisions__rule_thresholds') }}
    union all
    select rule_id, profile, threshold, value, 0 as is_decided from {{ ref('rule_threshold_defaults') }}
),

ranked as (
    select
        rules.rule_id,
        profiles.profile,
        known.threshold,
        known.value,
        row_number() over (
            partition by rules.rule_id, profiles.profile, known.threshold
            order by known.rule_id desc, known.is_decided desc, known.profile desc
        ) as priority
    from {{ ref('optimization_rules') }} as rules
    cross join profiles
    inner join known
        on known.rule_id in (rules.rule_id, '*') and known.profile in (profiles.profile, 'any')
),

in_force as (
    select
        rule_id,
        profile,
        {%- for name in thresholds %}
        max(case when threshold = '{{ name }}' then value end) as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from ranked
    where priority = 1
    group by rule_id, profile
)

select
    rules.rule_id,
    in_force.profile,
    rules.rule_kind,
    rules.provider,
    rules.resource_type,
    rules.metric,
    rules.action_type,
    rules.dimension,
    rules.stack_order,
    rules.signals,
    rules.effort,
    rules.restart_needed,
    rules.rollback_possible,
    rules.performance_risk as default_performance_risk,
    rules.risk,
    rules.confidence_cap,
    left({{ hash_of(['rules.rule_id', 'in_force.profile'] + settings_of(thresholds, 'in_force')) }}, 12) as rule_version,
    {%- for name in thresholds %}
    in_force.{{ name }}{{ "," if not loop.last }}
    {%- endfor %}
from {{ ref('optimization_rules') }} as rules
inner join in_force on rules.rule_id = in_force.rule_id
where in_force.enabled <> 0
