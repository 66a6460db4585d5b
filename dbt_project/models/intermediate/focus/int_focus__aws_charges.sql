-- AWS line items in FOCUS terms. Grain: one row per line item, plus one per unused part of a commitment's fee.
-- Costs are the unblended ones throughout: discount lines (EDP, private rates) stay rows of their own, so net columns,
-- which would count them twice, are never read.
with

line_items as (
    select * from {{ ref('stg_aws__cur_line_items') }}
),

categories as (
    select * from {{ ref('service_categories') }}
),

regions as (
    select * from {{ ref('regions') }}
),

tags as (
    select * from {{ ref('int_focus__tags') }} where dialect = 'aws'
),

charges as (
    select
        *,
        coalesce(savings_plan_arn, reservation_arn) as commitment_id,
        case line_item_type
            when 'SavingsPlanCoveredUsage' then 'covered_by_savings_plan'
            when 'DiscountedUsage' then 'covered_by_reservation'
            when 'SavingsPlanRecurringFee' then 'commitment_fee'
            when 'SavingsPlanUpfrontFee' then 'commitment_fee'
            when 'RIFee' then 'commitment_fee'
            when 'Fee' then case when reservation_arn is null then 'fee' else 'commitment_fee' end
            when 'Tax' then 'tax'
            when 'Credit' then 'credit'
            when 'Refund' then case
                when description like 'Refund for one-time fee for Savings Plan%' then 'commitment_fee'
                when usage_type is not null then 'usage'
                else 'refund'
            end
            when 'Usage' then 'usage'
            when 'FlatRateSubscription' then 'fee'
            else 'discount'
        end as x_rule
    from line_items
    -- AWS takes the on-demand price of covered usage back in a second row. In FOCUS that usage was never billed.
    where line_item_type is distinct from 'SavingsPlanNegation'
),

main_rows as (
    select
        *,
        case x_rule when 'covered_by_savings_plan' then 0 else unblended_cost end as billed_cost,
        case
            when split_parent_resource_id is not null and x_rule like 'covered%' then 0
            when x_rule = 'covered_by_savings_plan' then coalesce(savings_plan_effective_cost, 0)
            when x_rule = 'covered_by_reservation' then coalesce(reservation_effective_cost, unblended_cost)
            when x_rule = 'commitment_fee' then 0
            else unblended_cost
        end as effective_cost,
        case
            when x_rule in ('usage', 'covered_by_savings_plan', 'covered_by_reservation')
                then coalesce(public_on_demand_cost, unblended_cost)
            else unblended_cost
        end as list_cost,
        case x_rule
            when 'covered_by_reservation' then coalesce(public_on_demand_cost, unblended_cost)
            else unblended_cost
        end as contracted_cost,
        cast(null as varchar) as commitment_status
    from charges
),

unused_parts as (
    -- What a commitment's fee bought and nobody used, as usage of the commitment itself.
    select
        *,
        case line_item_type
            when 'SavingsPlanRecurringFee' then savings_plan_total_commitment - savings_plan_used_commitment
            else coalesce(reservation_unused_upfront, 0) + coalesce(reservation_unused_recurring_fee, 0)
        end as unused_cost
    from charges
    where line_item_type in ('SavingsPlanRecurringFee', 'RIFee')
),

unused_rows as (
    select
        * exclude (unused_cost, x_rule),
        'unused_commitment' as x_rule,
        0 as billed_cost,
        unused_cost as effective_cost,
        0 as list_cost,
        0 as contracted_cost,
        'Unused' as commitment_status
    from unused_parts
    where unused_cost <> 0
),

negation_rest as (
    -- Covered usage and its negation must cancel out. What does not is kept as an adjustment: nothing billed is lost.
    select
        x_source,
        x_billing_period,
        usage_account_id,
        product_code,
        product_name,
        currency,
        sum(unblended_cost) as rest
    from line_items
    where line_item_type in ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')
    group by x_source, x_billing_period, usage_account_id, product_code, product_name, currency
    having sum(unblended_cost) <> 0
),

negation_rows as (
    select
        line_items.* exclude (savings_plan_arn, resource_id, usage_type, usage_amount, sku, rate_code),
        cast(null as varchar) as savings_plan_arn,
        cast(null as varchar) as resource_id,
        cast(null as varchar) as usage_type,
        cast(null as decimal(38, 12)) as usage_amount,
        cast(null as varchar) as sku,
        cast(null as varchar) as rate_code,
        cast(null as varchar) as commitment_id,
        'negation_rest' as x_rule,
        negation_rest.rest as billed_cost,
        negation_rest.rest as effective_cost,
        negation_rest.rest as list_cost,
        negation_rest.rest as contracted_cost,
        cast(null as varchar) as commitment_status
    from line_items
    inner join negation_rest
        on
            line_items.x_source = negation_rest.x_source
            and line_items.x_billing_period = negation_rest.x_billing_period
            and line_items.usage_account_id is not distinct from negation_rest.usage_account_id
            and line_items.product_code is not distinct from negation_rest.product_code
            and line_items.product_name is not distinct from negation_rest.product_name
            and line_items.currency is not distinct from negation_rest.currency
    where line_items.line_item_type in ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')
    qualify row_number() over (
        partition by
            line_items.x_source, line_items.x_billing_period, line_items.usage_account_id,
            line_items.product_code, line_items.product_name, line_items.currency
        order by line_items.x_source_file, line_items.x_source_row
    ) = 1
),

all_rows as (
    select * from main_rows
    union all by name
    select * from unused_rows
    union all by name
    select * from negation_rows
)

select
    all_rows.payer_account_id as billing_account_id,
    all_rows.payer_account_name as billing_account_name,
    'Payer account' as billing_account_type,
    all_rows.usage_account_id as sub_account_id,
    all_rows.usage_account_name as sub_account_name,
    case when all_rows.usage_account_id is not null then 'Linked account' end as sub_account_type,

    all_rows.currency as billing_currency,
    all_rows.billing_period_start,
    all_rows.billing_period_end,
    all_rows.usage_start as charge_period_start,
    all_rows.usage_end as charge_period_end,

    case
        when all_rows.x_rule in ('usage', 'covered_by_savings_plan', 'covered_by_reservation', 'unused_commitment')
            then 'Usage'
        when all_rows.x_rule in ('commitment_fee', 'fee') then 'Purchase'
        when all_rows.x_rule = 'tax' then 'Tax'
        when all_rows.x_rule = 'credit' then 'Credit'
        else 'Adjustment'
    end as charge_category,
    case
        when all_rows.bill_type = 'Refund' or all_rows.usage_start < all_rows.billing_period_start
            then case when all_rows.x_rule not in ('commitment_fee', 'fee', 'tax') then 'Correction' end
    end as charge_class,
    all_rows.description as charge_description,
    case
        when all_rows.line_item_type in ('SavingsPlanRecurringFee', 'RIFee', 'FlatRateSubscription')
            and all_rows.x_rule <> 'unused_commitment' then 'Recurring'
        when all_rows.x_rule in ('usage', 'covered_by_savings_plan', 'covered_by_reservation', 'unused_commitment')
            then 'Usage-Based'
        when all_rows.x_rule = 'fee' and lower(all_rows.product_code) like 'awssupport%' then 'Recurring'
        else 'One-Time'
    end as charge_frequency,

    all_rows.billed_cost,
    all_rows.effective_cost,
    all_rows.list_cost,
    all_rows.contracted_cost,

    case when all_rows.x_rule like 'covered%' or all_rows.x_rule = 'usage' then
        case
            when {{ money('all_rows.public_on_demand_rate * all_rows.usage_amount') }} = all_rows.list_cost
                then all_rows.public_on_demand_rate
        end
    end as list_unit_price,
    case
        when all_rows.x_rule in ('tax', 'credit', 'discount', 'refund', 'negation_rest') then null
        when all_rows.x_rule in ('covered_by_savings_plan', 'covered_by_reservation', 'unused_commitment') then 'Committed'
        when all_rows.usage_type like '%SpotUsage%' or all_rows.pricing_term = 'Spot' then 'Dynamic'
        else 'Standard'
    end as pricing_category,
    all_rows.currency as pricing_currency,
    case when all_rows.x_rule not in ('tax', 'unused_commitment') then all_rows.usage_amount end as pricing_quantity,
    case when all_rows.x_rule not in ('tax', 'unused_commitment') then all_rows.pricing_unit end as pricing_unit,
    case when all_rows.x_rule like 'covered%' or all_rows.x_rule = 'usage' then all_rows.usage_amount end
        as consumed_quantity,
    case when all_rows.x_rule like 'covered%' or all_rows.x_rule = 'usage' then all_rows.pricing_unit end
        as consumed_unit,

    case
        when all_rows.savings_plan_arn is not null then 'Spend'
        when all_rows.reservation_arn is not null then 'Usage'
    end as commitment_discount_category,
    all_rows.commitment_id as commitment_discount_id,
    all_rows.commitment_id as commitment_discount_name,
    case
        when all_rows.x_rule = 'covered_by_savings_plan' then all_rows.effective_cost
        when all_rows.x_rule = 'covered_by_reservation' then all_rows.usage_amount
        when all_rows.x_rule = 'unused_commitment' and all_rows.savings_plan_arn is not null then all_rows.effective_cost
        when all_rows.x_rule = 'unused_commitment' then all_rows.reservation_unused_quantity
        when all_rows.x_rule = 'commitment_fee' then coalesce(all_rows.usage_amount, all_rows.unblended_cost)
    end as commitment_discount_quantity,
    case
        when all_rows.commitment_status is not null then all_rows.commitment_status
        when all_rows.x_rule in ('covered_by_savings_plan', 'covered_by_reservation') then 'Used'
    end as commitment_discount_status,
    case
        when all_rows.savings_plan_arn is not null then 'Savings Plan'
        when all_rows.reservation_arn is not null then 'Reserved Instance'
    end as commitment_discount_type,
    case
        when all_rows.savings_plan_arn is not null then all_rows.currency
        when all_rows.reservation_arn is not null then 'Hours'
    end as commitment_discount_unit,

    coalesce(categories.service_category, 'Other') as service_category,
    coalesce(categories.service_subcategory, 'Other (Other)') as service_subcategory,
    coalesce(
        all_rows.product_name,
        categories.service_name,
        {{ json_text('all_rows.product_json', '$.product_name') }},
        all_rows.service_code,
        all_rows.product_code,
        'Unknown'
    ) as service_name,
    'AWS' as service_provider_name,
    'AWS' as host_provider_name,
    'AWS' as provider_name,
    coalesce(all_rows.legal_entity, 'AWS') as publisher_name,
    'AWS' as invoice_issuer_name,
    all_rows.invoice_id,

    coalesce(regions.region_id, all_rows.region_code) as region_id,
    coalesce(regions.region_name, all_rows.region_code) as region_name,
    all_rows.availability_zone,
    case
        when all_rows.x_rule in ('commitment_fee', 'unused_commitment') then all_rows.commitment_id
        else all_rows.resource_id
    end as resource_id,
    case
        when all_rows.x_rule not in ('commitment_fee', 'unused_commitment')
            then regexp_extract(all_rows.resource_id, '[^/:]+$')
    end as resource_name,
    case when all_rows.resource_id is not null then all_rows.product_family end as resource_type,
    coalesce(all_rows.sku, case when all_rows.x_rule in ('fee', 'commitment_fee') then 'AWS:' || all_rows.product_code end)
        as sku_id,
    all_rows.usage_type as sku_meter,
    coalesce(
        all_rows.rate_code, case when all_rows.x_rule in ('fee', 'commitment_fee') then 'AWS:' || all_rows.product_code end
    ) as sku_price_id,
    tags.tags,

    all_rows.x_source,
    all_rows.x_billing_period,
    all_rows.x_delivery_version,
    all_rows.x_delivery_id,
    '' as x_dataset,
    all_rows.x_source_file,
    all_rows.x_source_row,
    'aws' as x_provider,
    'aws/' || all_rows.x_rule as x_rule,
    all_rows.line_item_type as x_line_type,
    all_rows.product_code as x_service_code,
    cast(null as varchar) as x_resource_group
from all_rows
left join categories on categories.provider_service_key = 'aws:' || lower(all_rows.product_code)
left join regions on regions.provider_region_key = 'aws:' || lower(all_rows.region_code)
left join tags on all_rows.resource_tags = tags.raw_tags
