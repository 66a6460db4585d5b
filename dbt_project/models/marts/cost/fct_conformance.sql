-- depends_on: {{ ref('int_deliveries__current') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_replaced_deliveries() }}"
) }}
-- Which rules of FOCUS the ledger's rows keep, counted once per delivery. Grain: delivery × rule.
-- `origin` tells converted exports, where a broken rule is our mistake and fails the build, from files that came as FOCUS
-- and are published as they were delivered, where it is the generator's. An observed rule may break for a good reason.
with

-- Read four times, a few columns each time, rather than kept: whole rows of the ledger are more than the memory of a build.
charges as not materialized (
    select *
    from {{ ref('int_focus__charges') }}
    where {{ of_new_deliveries() }}
),

categorised as (
    select
        charges.*,
        subcategories.service_category as known_parent_category,
        categories.service_category as known_category
    from charges
    left join {{ ref('focus_service_subcategories') }} as subcategories
        on charges.service_subcategory = subcategories.service_subcategory
    left join (select distinct service_category from {{ ref('focus_service_subcategories') }}) as categories
        on charges.service_category = categories.service_category
),

{% set rules = focus_row_rules() -%}
counted as (
    select
        x_source,
        x_billing_period,
        x_delivery_version,
        case x_rule when 'focus/as_delivered' then 'delivered' else 'converted' end as origin,
        count(*) as rows_checked,
        {%- for name, broken in rules.items() %}
        sum(case when {{ broken }} then 1 else 0 end) as {{ name }},
        min(case when {{ broken }} then concat_ws(' ', x_source_file, 'row', cast(x_source_row as varchar), x_rule) end)
            as {{ name }}_example{{ ',' if not loop.last }}
        {%- endfor %}
    from categorised
    group by x_source, x_billing_period, x_delivery_version, case x_rule when 'focus/as_delivered' then 'delivered' else 'converted' end
),

row_rules as (
    {%- for name in rules %}
    select
        x_source, x_billing_period, x_delivery_version, origin, '{{ name }}' as rule, rows_checked,
        cast({{ name }} as bigint) as rows_broken, {{ name }}_example as example
    from counted
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

services as (
    select x_source, x_billing_period, x_delivery_version, service_name, count(*) as rows_of_service
    from charges
    group by x_source, x_billing_period, x_delivery_version, service_name
    -- Other is what our mappings do not know.
    having count(distinct nullif(service_category, 'Other')) > 1
),

sku_prices as (
    select x_source, x_billing_period, x_delivery_version, sku_price_id, count(*) as rows_of_price
    from charges
    where sku_price_id is not null
    group by x_source, x_billing_period, x_delivery_version, sku_price_id
    having count(distinct sku_id) > 1
),

-- Fees by the hour or day buy what is used or unused in that hour or day: none of it may be lost. Five fees or more in a
-- month are such fees; a monthly fee, and one under an order's id as Azure writes it, buys other days than the bill's own.
-- Observed: where accounts with bills of their own share a commitment, the fee lies in one bill and its use in another.
commitments as (
    select
        x_source,
        x_billing_period,
        x_delivery_version,
        commitment_discount_id,
        count(*) as rows_of_commitment,
        sum(case when charge_category = 'Purchase' then billed_cost else 0 end) as fees,
        sum(case when charge_category = 'Usage' then effective_cost else 0 end) as amortised
    from charges
    where commitment_discount_id is not null and x_rule <> 'focus/as_delivered'
    group by x_source, x_billing_period, x_delivery_version, commitment_discount_id
    having
        count(distinct case when charge_category = 'Purchase' then charge_period_start end) >= 5
        and sum(case
            when charge_category = 'Purchase' and (
                charge_frequency <> 'Recurring' or {{ names_gap('EffectiveCost') }} or {{ names_gap('BilledCost') }}
                or charge_period_end > charge_period_start + interval '1' day
            ) then 1
            else 0
        end) = 0
),

grouped_rules as (
    select
        x_source, x_billing_period, x_delivery_version,
        'one_service_category_per_service' as rule, rows_of_service as rows_broken, service_name as example
    from services
    union all
    select x_source, x_billing_period, x_delivery_version, 'one_sku_per_sku_price', rows_of_price, sku_price_id
    from sku_prices
    union all
    select
        x_source, x_billing_period, x_delivery_version, 'commitments_cost_at_least_their_hourly_fees', rows_of_commitment,
        concat(commitment_discount_id, ': fees ', cast(fees as varchar), ', used and unused ', cast(amortised as varchar))
    from commitments
    where amortised < fees - 0.000001
),

all_rules as (
    select * from row_rules
    union all
    select
        counted.x_source, counted.x_billing_period, counted.x_delivery_version,
        case names.rule when 'commitments_cost_at_least_their_hourly_fees' then 'observed' else counted.origin end as origin,
        names.rule, counted.rows_checked,
        cast(coalesce(sum(grouped_rules.rows_broken), 0) as bigint) as rows_broken,
        min(grouped_rules.example) as example
    from counted
    cross join (
        select 'one_service_category_per_service' as rule
        union all
        select 'one_sku_per_sku_price'
        union all
        select 'commitments_cost_at_least_their_hourly_fees'
    ) as names
    left join grouped_rules
        on
            counted.x_delivery_version = grouped_rules.x_delivery_version
            and names.rule = grouped_rules.rule
    group by
        counted.x_source, counted.x_billing_period, counted.x_delivery_version, counted.origin, names.rule, counted.rows_checked
)

select * from all_rules
