-- depends_on: {{ ref('int_allocation__months') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_months() }}"
) }}
-- Costs of resources on days before their tag came, in the same month: who has them, and who the tag says had them.
-- Grain: billing period × month of charge (its first day) × source × currency × rule of the tag × rule that claims the day
-- (NULL: none; a pool, or nobody).
with

keys as (
    select * from {{ ref('int_allocation__keys') }} where resource_id is not null
),

tagged as (
    select
        keys.resource_id,
        date_trunc('month', claims.charge_date) as charge_month,
        claims.charge_date,
        claims.rule_id,
        claims.rule_version
    from {{ ref('int_allocation__claims') }} as claims
    inner join keys on claims.x_allocation_key = keys.x_allocation_key
    where claims.match_type = 'tag' and not claims.is_imputed and {{ in_stale_month('claims.charge_date') }}
    qualify row_number() over (
        partition by keys.resource_id, date_trunc('month', claims.charge_date) order by claims.charge_date, claims.rule_id
    ) = 1
),

late_days as (
    select
        key_days.x_allocation_key,
        key_days.charge_date,
        tagged.rule_id,
        tagged.rule_version
    from (
        select distinct x_allocation_key, charge_date
        from {{ ref('fct_daily_costs') }}
        where {{ in_stale_month('charge_date') }}
    ) as key_days
    inner join keys on key_days.x_allocation_key = keys.x_allocation_key
    inner join tagged
        on
            keys.resource_id = tagged.resource_id
            and date_trunc('month', key_days.charge_date) = tagged.charge_month
            and key_days.charge_date < tagged.charge_date
)

select
    costs.billing_period,
    {{ first_of_its_month('costs.charge_date') }} as charge_date,
    costs.x_source,
    costs.billing_currency as currency,
    late_days.rule_id as tag_rule_id,
    late_days.rule_version as tag_rule_version,
    claims.rule_id,
    claims.rule_version,
    {{ money('sum(costs.effective_cost)') }} as effective_cost
from {{ ref('fct_daily_costs') }} as costs
inner join late_days
    on costs.x_allocation_key = late_days.x_allocation_key and costs.charge_date = late_days.charge_date
left join {{ ref('int_allocation__claims') }} as claims
    on costs.x_allocation_key = claims.x_allocation_key and costs.charge_date = claims.charge_date
where {{ in_stale_month('costs.charge_date') }}
group by all
