{%- set amounts = ['billed_cost', 'effective_cost', 'list_cost', 'contracted_cost', 'usage_amount', 'commitment_quantity'] %}
-- AWS charges in FOCUS terms. Grain: one row per line of int_focus__aws_lines; the lines of pods and tasks have one row per
-- line that paid their instance, and take their costs from it.
with

lines as (
    select * from {{ ref('int_focus__aws_lines') }}
),

splits as (
    select * from {{ ref('int_focus__aws_splits') }}
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

split_lines as (
    select distinct x_source, x_billing_period, x_source_file, x_source_row from splits
),

-- What becomes of a line that paid an instance: a row per pod, and what the pods leave of it.
portions as (
    select
        x_source,
        x_billing_period,
        paid_file,
        paid_row,
        x_source_file,
        x_source_row,
        allocated_resource_id,
        allocated_raw_tags,
        part_no,
        billed_cost,
        effective_cost,
        list_cost,
        contracted_cost,
        usage_amount,
        commitment_quantity
    from splits
    union all
    select
        x_source,
        x_billing_period,
        paid_file,
        paid_row,
        cast(null as varchar) as x_source_file,
        cast(null as bigint) as x_source_row,
        cast(null as varchar) as allocated_resource_id,
        cast(null as varchar) as allocated_raw_tags,
        cast(1 as bigint) as part_no,
        {%- for amount in amounts %}
        sum({{ amount }}) as {{ amount }}{{ ',' if not loop.last }}
        {%- endfor %}
    from splits
    group by x_source, x_billing_period, paid_file, paid_row
),

-- One join makes all rows of a line, so that the lines, the widest rows there are, are read once.
divided as (
    select
        lines.* exclude (x_source_file, x_source_row, {{ amounts | join(', ') }}),
        coalesce(portions.x_source_file, lines.x_source_file) as x_source_file,
        coalesce(portions.x_source_row, lines.x_source_row) as x_source_row,
        {%- for amount in amounts %}
        cast(
            case
                when portions.x_source_row is not null then portions.{{ amount }}
                else lines.{{ amount }} - coalesce(portions.{{ amount }}, 0)
            end as {{ 'decimal(28, 12)' if amount.endswith('_cost') else 'decimal(38, 12)' }}
        ) as {{ amount }},
        {%- endfor %}
        portions.paid_row is not null as is_split,
        portions.allocated_resource_id,
        portions.allocated_raw_tags,
        coalesce(portions.part_no, 1) as part_no
    from lines
    left join portions
        on
            lines.x_source = portions.x_source
            and lines.x_billing_period = portions.x_billing_period
            and lines.x_source_file = portions.paid_file
            and case when lines.x_rule in ('usage', 'covered_by_savings_plan', 'covered_by_reservation') then lines.x_source_row end
            = portions.paid_row
    left join split_lines
        on
            lines.x_source = split_lines.x_source
            and lines.x_billing_period = split_lines.x_billing_period
            and lines.x_source_file = split_lines.x_source_file
            and lines.x_source_row = split_lines.x_source_row
    where split_lines.x_source_row is null
),

all_rows as (
    select
        *,
        coalesce(billing_entity = 'AWS Marketplace' and legal_entity not like 'Amazon Web Services%', false) as is_sold_by_others
    from divided
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
        when all_rows.x_rule = 'fee' and lower(all_rows.product_code) like 'aws%support%' then 'Recurring'
        else 'One-Time'
    end as charge_frequency,

    all_rows.billed_cost,
    all_rows.effective_cost,
    all_rows.list_cost,
    all_rows.contracted_cost,

    case when all_rows.x_rule like 'covered%' or all_rows.x_rule = 'usage' then
        case
            when {{ price_times('all_rows.public_on_demand_rate', 'all_rows.usage_amount') }} = all_rows.list_cost
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
        when all_rows.commitment_id is not null then 'Usage'
    end as commitment_discount_category,
    all_rows.commitment_id as commitment_discount_id,
    all_rows.commitment_id as commitment_discount_name,
    case
        when all_rows.x_rule like 'covered%' or all_rows.x_rule in ('commitment_fee', 'unused_commitment')
            then all_rows.commitment_quantity
    end as commitment_discount_quantity,
    case
        when all_rows.commitment_status is not null then all_rows.commitment_status
        when all_rows.x_rule in ('covered_by_savings_plan', 'covered_by_reservation') then 'Used'
    end as commitment_discount_status,
    case
        when all_rows.savings_plan_arn is not null then 'Savings Plan'
        when all_rows.commitment_id is not null then 'Reserved Instance'
    end as commitment_discount_type,
    case
        when all_rows.x_rule like 'covered%' or all_rows.x_rule in ('commitment_fee', 'unused_commitment')
            then all_rows.commitment_unit
    end as commitment_discount_unit,

    case when all_rows.x_rule in ('usage', 'covered_by_savings_plan', 'covered_by_reservation') then all_rows.capacity_reservation_arn end
        as capacity_reservation_id,
    case
        when all_rows.capacity_reservation_arn is null
            or all_rows.x_rule not in ('usage', 'covered_by_savings_plan', 'covered_by_reservation') then null
        when lower(all_rows.capacity_reservation_status) like '%unused%' or all_rows.usage_type like '%Unused%' then 'Unused'
        else 'Used'
    end as capacity_reservation_status,

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
    -- On the Marketplace AWS sells and invoices what a seller provides; where the seller runs it, AWS does not say.
    case when all_rows.is_sold_by_others then all_rows.legal_entity else 'AWS' end as service_provider_name,
    case when not all_rows.is_sold_by_others then 'AWS' end as host_provider_name,
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
    case
        when all_rows.allocated_resource_id is null then tags.tags
        else {{ json_merged('tags.tags', 'allocated_tags.tags') }}
    end as tags,
    case when all_rows.is_split then 'AWS split cost allocation data' end as allocated_method_id,
    all_rows.allocated_resource_id,
    regexp_extract(all_rows.allocated_resource_id, '[^/:]+$') as allocated_resource_name,
    allocated_tags.tags as allocated_tags,
    all_rows.source_gaps,

    all_rows.x_source,
    all_rows.x_billing_period,
    all_rows.x_delivery_version,
    all_rows.x_delivery_id,
    '' as x_dataset,
    all_rows.x_source_file,
    all_rows.x_source_row,
    'aws' as x_provider,
    concat(
        'aws/', case when all_rows.allocated_resource_id is not null then 'split_' end, all_rows.x_rule,
        case when all_rows.part_no > 1 then '_' || all_rows.part_no end
    ) as x_rule,
    all_rows.line_item_type as x_line_type,
    all_rows.product_code as x_service_code,
    cast(null as varchar) as x_resource_group,
    all_rows.cost_columns as x_cost_columns,
    coalesce(
        nullif(all_rows.discounts, '{}'),
        {{ json_of_amounts([
            'edp_discount', 'private_rate_discount', 'bundled_discount', 'spp_discount', 'ri_volume_discount', 'total_discount'
        ]) }}
    ) as x_discounts,
    all_rows.invoicing_entity as x_invoicing_entity
from all_rows
left join categories on categories.provider_service_key = 'aws:' || lower(all_rows.product_code)
left join regions on regions.provider_region_key = 'aws:' || lower(all_rows.region_code)
left join tags on all_rows.resource_tags = tags.raw_tags
left join tags as allocated_tags on all_rows.allocated_raw_tags = allocated_tags.raw_tags
