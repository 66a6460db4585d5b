-- depends_on: {{ ref('int_costs__versions') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_replaced_daily_costs() }}"
) }}
-- What was spent, by day. Grain: day × account × service × region × resource × category × tags.
-- Reporting amounts are NULL where no rate is decided for the currency and month; nothing ever takes a rate of 1 for it.
with

charges as (
    select * from {{ ref('int_focus__charges') }}
    {% if is_incremental() -%}
        where
            x_delivery_version in (
                select c.x_delivery_version
                from {{ ref('int_costs__versions') }} as c
                where c.cost_version not in (select t.cost_version from {{ this }} as t)
            )
    {%- endif %}
),

versions as (
    select * from {{ ref('int_costs__versions') }}
),

daily as (
    select
        cast(charges.charge_period_start as date) as charge_date,
        charges.x_billing_period as billing_period,
        charges.x_provider as provider,
        charges.x_source,
        charges.billing_account_id,
        charges.sub_account_id,
        charges.sub_account_name,
        charges.service_name,
        charges.service_category,
        charges.x_service_code,
        charges.region_id,
        charges.resource_id,
        charges.x_resource_group,
        charges.charge_category,
        charges.charge_class,
        charges.pricing_category,
        charges.commitment_discount_status,
        charges.commitment_discount_id,
        case
            when charges.charge_category = 'Tax' then 'tax'
            when charges.charge_category = 'Credit' then 'credit'
            when charges.commitment_discount_status = 'Unused' then 'commitment_waste'
            when charges.service_subcategory = 'Support' then 'support'
            when charges.charge_class = 'Correction' then 'correction'
            else 'cost'
        end as charge_kind,
        charges.billing_currency,
        charges.tags,
        charges.x_delivery_version,
        count(*) as charge_lines,
        {{ money('sum(charges.billed_cost)') }} as billed_cost,
        {{ money('sum(charges.effective_cost)') }} as effective_cost,
        {{ money('sum(charges.list_cost)') }} as list_cost,
        {{ money('sum(charges.contracted_cost)') }} as contracted_cost
    from charges
    group by all
)

select
    daily.charge_date,
    daily.billing_period,
    daily.provider,
    daily.x_source,
    daily.billing_account_id,
    daily.sub_account_id,
    daily.sub_account_name,
    daily.service_name,
    daily.service_category,
    daily.x_service_code,
    daily.region_id,
    daily.resource_id,
    daily.x_resource_group,
    daily.charge_category,
    daily.charge_class,
    daily.pricing_category,
    daily.commitment_discount_status,
    daily.commitment_discount_id,
    daily.charge_kind,
    daily.billing_currency,
    daily.charge_lines,
    daily.billed_cost,
    daily.effective_cost,
    daily.list_cost,
    daily.contracted_cost,
    cast('{{ var("reporting_currency") }}' as varchar) as reporting_currency,
    {{ money('daily.effective_cost * rates.rate') }} as effective_cost_reporting,
    {{ money('daily.billed_cost * rates.rate') }} as billed_cost_reporting,
    daily.tags,
    {{ hash_of([
        'daily.tags', 'daily.sub_account_id', 'daily.resource_id', 'daily.x_resource_group', 'daily.service_name'
    ]) }} as x_allocation_key,
    versions.cost_version
from daily
inner join versions on daily.x_delivery_version = versions.x_delivery_version
left join {{ ref('int_currency__rates') }} as rates
    on daily.billing_currency = rates.from_currency and daily.billing_period = rates.billing_period
