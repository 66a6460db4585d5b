-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- What commitments save, passed on as the policy commitment_benefit says. Zero-sum rows, added to the usage as it was
-- billed. Grain: day × source × account × service × cost centre × rule.
-- as_applied: no rows, usage keeps its discount. pooled: everyone in a source's service pays the average rate of covered
-- and on-demand usage. central: users pay the rate without commitment, the policy's cost centre gets what was saved.
-- by_owner: the same, but the owner of the commitment gets it (commitment_owners.csv); usage without one keeps it.
with

policies as (
    select * from {{ ref('int_allocation__policies') }} where commitment_benefit <> 'as_applied'
),

usage as (
    select
        costs.charge_date, costs.billing_period, costs.x_source, costs.provider, costs.sub_account_id, costs.service_name,
        costs.charge_category, costs.billing_currency as currency, costs.commitment_discount_status,
        costs.commitment_discount_id,
        splits.cost_center_id,
        policies.commitment_benefit as policy,
        policies.commitment_benefit_cost_center_id as central_cost_center_id,
        sum({{ money('costs.effective_cost * splits.share_percent * 0.01') }}) as effective_cost,
        sum({{ money('costs.contracted_cost * splits.share_percent * 0.01') }}) as contracted_cost
    from {{ ref('fct_daily_costs') }} as costs
    cross join policies
    inner join {{ ref('int_allocation__claims') }} as claims
        on costs.x_allocation_key = claims.x_allocation_key and costs.charge_date = claims.charge_date
    inner join {{ ref('stg_decisions__allocation_rules') }} as splits
        on claims.rule_id = splits.rule_id and claims.rule_version = splits.rule_version
    where
        costs.charge_category = 'Usage'
        and costs.charge_kind = 'cost'
        and coalesce(costs.commitment_discount_status, 'Used') = 'Used'
        and {{ in_stale_period('costs.billing_period') }}
    group by all
),

covered as (
    select
        usage.*,
        case usage.policy when 'central' then usage.central_cost_center_id else owners.cost_center_id end as saver_id,
        {{ money('usage.contracted_cost - usage.effective_cost') }} as saving
    from usage
    left join {{ ref('stg_decisions__commitment_owners') }} as owners
        on
            {{ rule_matches('lower(usage.commitment_discount_id)', 'lower(owners.commitment_id)') }}
            and usage.charge_date >= owners.valid_from
            and usage.charge_date < owners.valid_to
    where usage.commitment_discount_status = 'Used' and usage.policy in ('central', 'by_owner')
),

moved as (
    select
        charge_date, billing_period, x_source, provider, sub_account_id, service_name, charge_category, currency,
        cost_center_id, policy, saving as amount
    from covered
    where saver_id is not null
    union all
    select
        charge_date, billing_period, x_source, provider, sub_account_id, service_name, charge_category, currency,
        saver_id, policy, {{ money('-saving') }} as amount
    from covered
    where saver_id is not null
),

-- A month's pool: a service of a source in which any usage is covered.
pools as (
    select
        billing_period, x_source, service_name, currency,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        max(charge_date) as last_day
    from usage
    where policy = 'pooled'
    group by billing_period, x_source, service_name, currency
    having bool_or(commitment_discount_status = 'Used') and sum(contracted_cost) > 0
),

users as (
    select
        usage.billing_period, usage.x_source, usage.service_name, usage.currency, usage.cost_center_id,
        min(usage.provider) as provider,
        min(usage.sub_account_id) as sub_account_id,
        any_value(pools.last_day) as charge_date,
        any_value(pools.effective_cost) as pool_effective_cost,
        any_value(pools.contracted_cost) as pool_contracted_cost,
        sum(usage.effective_cost) as effective_cost,
        sum(usage.contracted_cost) as contracted_cost
    from usage
    inner join pools
        on
            usage.billing_period = pools.billing_period and usage.x_source = pools.x_source
            and usage.service_name = pools.service_name and usage.currency = pools.currency
    group by usage.billing_period, usage.x_source, usage.service_name, usage.currency, usage.cost_center_id
),

blended as (
    select
        *,
        {{ share_of_money('pool_effective_cost', share_of('greatest(contracted_cost, 0)', 'pool_contracted_cost')) }} as blended_cost,
        row_number() over (
            partition by billing_period, x_source, service_name, currency order by contracted_cost desc, cost_center_id
        ) as rank_in_pool
    from users
),

rated as (
    select
        *,
        case
            when rank_in_pool = 1 then {{ money('pool_effective_cost - (sum(blended_cost) over whole - blended_cost)') }}
            else blended_cost
        end - effective_cost as amount
    from blended
    window whole as (partition by billing_period, x_source, service_name, currency)
)

select
    charge_date, billing_period, x_source, provider, sub_account_id, service_name, charge_category, currency,
    cost_center_id,
    'commitment_benefit:' || policy as rule_id,
    {{ money('sum(amount)') }} as amount
from moved
group by all
having sum(amount) <> 0
union all
select
    charge_date, billing_period, x_source, provider, sub_account_id, service_name, 'Usage' as charge_category, currency,
    cost_center_id,
    'commitment_benefit:pooled' as rule_id,
    {{ money('amount') }} as amount
from rated
where amount <> 0
