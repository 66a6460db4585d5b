-- GCP billing export in FOCUS terms. Grain: one row per exported row, or several where one row is several charges: the part
-- of a commitment's usage that it covers (per commitment) and the rest, a fee's unused part, a credit granted afterwards.
-- Billed cost is cost plus all of its credits; the invoice month decides the billing period, usage time the charge.
-- Covered usage is billed at zero and costs its part of the fee (int_focus__gcp_coverage, int_focus__gcp_late_use). In the consumption model it is
-- billed at its lower price and costs that; the fee is billed, and costs, what was not used of it.
with

lines as (
    select * from {{ ref('int_focus__gcp_lines') }}
),

coverage as (
    select x_source, x_billing_period, x_source_file, x_source_row, line_kind, commitment_id, commitment_name, used_cost, share_from, share_to
    from {{ ref('int_focus__gcp_coverage') }}
    union all
    select
        x_source, x_billing_period, x_source_file, x_source_row, 'usage' as line_kind, commitment_id, commitment_name, used_cost, share_from,
        share_to
    from {{ ref('int_focus__gcp_late_use') }}
),

-- A consumption price does not name its commitment: known where the account has only one for the service in the month.
spend_commitments as (
    select
        x_source, x_billing_period, billing_account_id, committed_resource,
        min(fee_commitment_id) as commitment_id,
        min(sku_description) as commitment_name
    from lines
    where x_rule = 'commitment_fee' and commitment_category = 'Spend'
    group by x_source, x_billing_period, billing_account_id, committed_resource
    having count(distinct fee_commitment_id) = 1
),

charges as (
    select
        lines.*,
        lines.x_rule as charge_rule,
        lines.net_cost - case when lines.promotion_credit <> 0 then lines.promotion_credit else 0 end as billed_cost,
        lines.net_cost - case when lines.promotion_credit <> 0 then lines.promotion_credit else 0 end as effective_cost,
        cast(0 as decimal(13, 12)) as share_from,
        cast(1 as decimal(13, 12)) as share_to,
        case when lines.has_consumption_price then spend_commitments.commitment_id end as commitment_id,
        case when lines.has_consumption_price then spend_commitments.commitment_name end as commitment_name,
        case when lines.has_consumption_price and spend_commitments.commitment_id is not null then 'Used' end as commitment_status
    from lines
    left join spend_commitments
        on
            lines.x_source = spend_commitments.x_source
            and lines.x_billing_period = spend_commitments.x_billing_period
            and lines.billing_account_id = spend_commitments.billing_account_id
            and lines.committed_resource = spend_commitments.committed_resource
    where lines.x_rule <> 'commitment_fee' and lines.covered_cost = 0

    union all
    select
        lines.*,
        'covered_usage' as charge_rule,
        cast(0 as decimal(28, 12)) as billed_cost,
        coalesce(coverage.used_cost, 0) as effective_cost,
        coalesce(coverage.share_from, cast(0 as decimal(13, 12))) as share_from,
        coalesce(coverage.share_to, lines.covered_share) as share_to,
        coverage.commitment_id,
        coverage.commitment_name,
        case when coverage.commitment_id is not null then 'Used' end as commitment_status
    from lines
    left join coverage
        on
            lines.x_source = coverage.x_source
            and lines.x_billing_period = coverage.x_billing_period
            and lines.x_source_file = coverage.x_source_file
            and lines.x_source_row = coverage.x_source_row
            and coverage.line_kind = 'usage'
    where lines.covered_cost > 0

    union all
    -- What the commitment did not cover of the row; where it covered all, credits beyond its cost.
    select
        *,
        case when covered_share < 1 then 'usage' else 'credit' end as charge_rule,
        net_cost - promotion_credit as billed_cost,
        net_cost - promotion_credit as effective_cost,
        covered_share as share_from,
        cast(1 as decimal(13, 12)) as share_to,
        cast(null as varchar) as commitment_id,
        cast(null as varchar) as commitment_name,
        cast(null as varchar) as commitment_status
    from lines
    where covered_cost > 0 and (covered_share < 1 or net_cost - promotion_credit <> 0)

    union all
    select
        *,
        'promotion' as charge_rule,
        promotion_credit as billed_cost,
        promotion_credit as effective_cost,
        cast(0 as decimal(13, 12)) as share_from,
        cast(0 as decimal(13, 12)) as share_to,
        cast(null as varchar) as commitment_id,
        cast(null as varchar) as commitment_name,
        cast(null as varchar) as commitment_status
    from lines
    where promotion_credit <> 0

    union all
    select
        *,
        'commitment_fee' as charge_rule,
        net_cost - promotion_credit as billed_cost,
        cast(0 as decimal(28, 12)) as effective_cost,
        cast(0 as decimal(13, 12)) as share_from,
        cast(1 as decimal(13, 12)) as share_to,
        fee_commitment_id as commitment_id,
        sku_description as commitment_name,
        cast(null as varchar) as commitment_status
    from lines
    where x_rule = 'commitment_fee'

    union all
    select
        lines.*,
        'unused_commitment' as charge_rule,
        cast(0 as decimal(28, 12)) as billed_cost,
        lines.net_cost - lines.promotion_credit - coalesce(coverage.used_cost, 0) as effective_cost,
        cast(0 as decimal(13, 12)) as share_from,
        cast(0 as decimal(13, 12)) as share_to,
        lines.fee_commitment_id as commitment_id,
        lines.sku_description as commitment_name,
        'Unused' as commitment_status
    from lines
    left join coverage
        on
            lines.x_source = coverage.x_source
            and lines.x_billing_period = coverage.x_billing_period
            and lines.x_source_file = coverage.x_source_file
            and lines.x_source_row = coverage.x_source_row
            and coverage.line_kind = 'fee'
    where
        lines.x_rule = 'commitment_fee'
        and lines.net_cost - lines.promotion_credit <> coalesce(coverage.used_cost, 0)

    union all
    -- What usage of earlier invoices' months used, which stands there as unused.
    select
        lines.*,
        'late_commitment_use' as charge_rule,
        cast(0 as decimal(28, 12)) as billed_cost,
        -coverage.used_cost as effective_cost,
        cast(0 as decimal(13, 12)) as share_from,
        cast(0 as decimal(13, 12)) as share_to,
        coverage.commitment_id,
        coverage.commitment_name,
        'Unused' as commitment_status
    from lines
    inner join coverage
        on
            lines.x_source = coverage.x_source
            and lines.x_billing_period = coverage.x_billing_period
            and lines.x_source_file = coverage.x_source_file
            and lines.x_source_row = coverage.x_source_row
            and coverage.line_kind = 'late_use'

    union all
    -- The same where the fee is in the month of the usage: a row of that fee on the usage's own day, in the later invoice.
    select
        lines.* replace (
            fees.project_id as project_id, fees.project_name as project_name,
            fees.project_ancestry_numbers as project_ancestry_numbers,
            fees.service_id as service_id, fees.service_description as service_description,
            fees.sku_id as sku_id, fees.commitment_name as sku_description,
            fees.location_region as location_region, fees.location_zone as location_zone,
            fees.location_location as location_location,
            fees.labels as labels, fees.project_labels as project_labels, fees.tags as tags,
            cast(null as varchar) as system_labels, cast(null as varchar) as resource_name,
            cast(null as varchar) as resource_global_name, cast(null as varchar) as adjustment_description,
            fees.subscription_instance_id as subscription_instance_id, fees.fee_unit as usage_pricing_unit
        ),
        'late_commitment_use' as charge_rule,
        cast(0 as decimal(28, 12)) as billed_cost,
        -fees.used_cost as effective_cost,
        cast(0 as decimal(13, 12)) as share_from,
        cast(0 as decimal(13, 12)) as share_to,
        fees.commitment_id,
        fees.commitment_name,
        'Unused' as commitment_status
    from lines
    inner join {{ ref('int_focus__gcp_late_use') }} as fees
        on
            lines.x_source = fees.x_source
            and lines.x_billing_period = fees.x_billing_period
            and lines.x_source_file = fees.x_source_file
            and lines.x_source_row = fees.x_source_row
),

shared as (
    select
        * exclude (list_price, contracted_price),
        charge_rule in ('usage', 'covered_usage') as is_usage,
        coalesce(commitment_status = 'Unused', false) as is_unused,
        charge_rule in ('usage', 'covered_usage', 'commitment_fee', 'subscription') as is_sold,
        charge_rule in ('usage', 'covered_usage') and (charge_rule = 'covered_usage' or has_consumption_price) as is_committed,
        list_price as exported_list_price,
        contracted_price as exported_contracted_price,
        {{ quantity_between('usage_amount_in_pricing_units', 'share_from', 'share_to') }} as priced_quantity,
        {{ quantity_between('usage_amount', 'share_from', 'share_to', digits=4) }} as used_quantity,
        {{ money_between('coalesce(cost_at_list, cost)', 'share_from', 'share_to') }} as shared_list_cost,
        {{ money_between('coalesce(cost_at_effective_price_default, cost)', 'share_from', 'share_to') }} as shared_contracted_cost
    from charges
),

categories as (
    select * from {{ ref('service_categories') }}
),

regions as (
    select * from {{ ref('regions') }}
),

tags as (
    select * from {{ ref('int_focus__tags') }} where dialect = 'gcp'
)

select
    lines.billing_account_id,
    cast(null as varchar) as billing_account_name,
    'Billing Account' as billing_account_type,
    lines.project_id as sub_account_id,
    lines.project_name as sub_account_name,
    case when lines.project_id is not null then 'Project' end as sub_account_type,

    lines.currency as billing_currency,
    -- Google's invoice month runs on Pacific time.
    {{ to_utc('cast(lines.invoice_date as timestamp)', 'America/Los_Angeles') }} as billing_period_start,
    {{ to_utc('cast(' ~ dbt.dateadd('month', 1, 'lines.invoice_date') ~ ' as timestamp)', 'America/Los_Angeles') }}
        as billing_period_end,
    lines.usage_start_time as charge_period_start,
    coalesce(lines.usage_end_time, lines.usage_start_time) as charge_period_end,

    case
        when lines.is_usage or lines.is_unused then 'Usage'
        when lines.charge_rule in ('commitment_fee', 'subscription') then 'Purchase'
        when lines.charge_rule = 'tax' then 'Tax'
        when lines.charge_rule in ('goodwill', 'credit', 'promotion') then 'Credit'
        else 'Adjustment'
    end as charge_category,
    -- An earlier invoice's usage, by the month that Google's invoices have.
    case
        when lines.charge_rule = 'late_commitment_use' then 'Correction'
        when lines.adjustment_type in ('USAGE_CORRECTION', 'PRICE_CORRECTION', 'METADATA_CORRECTION')
            and lines.usage_start_time < {{ to_utc('cast(lines.invoice_date as timestamp)', 'America/Los_Angeles') }}
            then 'Correction'
    end as charge_class,
    case
        when lines.charge_rule = 'promotion' then coalesce(nullif(lines.promotion_names, ''), 'Promotion')
        else coalesce(lines.adjustment_description, lines.sku_description, lines.service_description)
    end as charge_description,
    case
        when lines.is_usage or lines.is_unused then 'Usage-Based'
        when lines.charge_rule in ('commitment_fee', 'subscription') then 'Recurring'
        else 'One-Time'
    end as charge_frequency,

    {{ money('lines.billed_cost') }} as billed_cost,
    {{ money('lines.effective_cost') }} as effective_cost,
    case
        when lines.is_sold then lines.shared_list_cost
        when lines.is_unused then 0
        else {{ money('lines.billed_cost') }}
    end as list_cost,
    case
        when lines.is_sold then lines.shared_contracted_cost
        when lines.is_unused then 0
        else {{ money('lines.billed_cost') }}
    end as contracted_cost,

    case when lines.is_usage then lines.exported_list_price end as list_unit_price,
    case when lines.is_usage then lines.exported_contracted_price end as contracted_unit_price,
    case
        when lines.is_unused or lines.is_committed then 'Committed'
        when not lines.is_sold then null
        when lines.is_usage and regexp_matches(coalesce(lines.sku_description, ''), 'spot|preemptible', 'i') then 'Dynamic'
        else 'Standard'
    end as pricing_category,
    -- Accounts in another currency are priced in dollars.
    case when lines.currency_conversion_rate <> 1 then 'USD' else lines.currency end as pricing_currency,
    case
        when lines.currency_conversion_rate <> 1 and lines.currency_conversion_rate > 0
            then {{ money('sign(lines.effective_cost) * ' ~ unit_price('abs(lines.effective_cost)', 'lines.currency_conversion_rate')) }}
    end as pricing_currency_effective_cost,
    case when lines.is_sold then lines.priced_quantity end as pricing_quantity,
    case when lines.is_sold then lines.usage_pricing_unit end as pricing_unit,
    case when lines.is_usage then lines.used_quantity end as consumed_quantity,
    case when lines.is_usage then lines.usage_unit end as consumed_unit,

    case when lines.commitment_id is not null then lines.commitment_category end as commitment_discount_category,
    lines.commitment_id as commitment_discount_id,
    lines.commitment_name as commitment_discount_name,
    -- Commitments to spend are measured in money, the others in units of their price.
    case
        when lines.commitment_id is null then null
        when lines.commitment_category = 'Spend' and lines.charge_rule = 'commitment_fee' then {{ money('lines.billed_cost - lines.offset_credit') }}
        when lines.commitment_category = 'Spend' then {{ money('lines.effective_cost') }}
        when not lines.is_unused then lines.priced_quantity
        when lines.net_cost > 0 and lines.effective_cost between 0 and lines.net_cost
            then {{ quantity_between('lines.usage_amount_in_pricing_units', '0', 'cast(' ~ unit_price('lines.effective_cost', 'lines.net_cost') ~ ' as decimal(13, 12))') }}
    end as commitment_discount_quantity,
    lines.commitment_status as commitment_discount_status,
    case when lines.commitment_id is not null then 'Committed Use Discount' end as commitment_discount_type,
    case
        when lines.commitment_id is not null then case lines.commitment_category when 'Spend' then lines.currency else lines.usage_pricing_unit end
    end as commitment_discount_unit,
    case when lines.is_usage then {{ system_label('reservation_name') }} end as capacity_reservation_id,
    case
        when lines.is_usage and {{ system_label('reservation_name') }} is not null
            then case lower({{ system_label('is_unused_reservation') }}) when 'true' then 'Unused' else 'Used' end
    end as capacity_reservation_status,

    coalesce(categories.service_category, 'Other') as service_category,
    coalesce(categories.service_subcategory, 'Other (Other)') as service_subcategory,
    coalesce(lines.service_description, categories.service_name, lines.service_id, 'Unknown') as service_name,
    'Google Cloud' as service_provider_name,
    'Google Cloud' as host_provider_name,
    'Google Cloud' as provider_name,
    case when lines.transaction_type in ('THIRD_PARTY_RESELLER', 'THIRD_PARTY_AGENCY') then lines.seller_name
        else 'Google Cloud' end as publisher_name,
    case when lines.transaction_type = 'THIRD_PARTY_AGENCY' then coalesce(lines.seller_name, 'Google Cloud')
        else 'Google Cloud' end as invoice_issuer_name,

    coalesce(regions.region_id, lines.location_region) as region_id,
    coalesce(regions.region_name, lines.location_region) as region_name,
    lines.location_zone as availability_zone,
    coalesce(lines.resource_global_name, lines.resource_name) as resource_id,
    lines.resource_name,
    regexp_extract(lines.resource_global_name, '^//([^/]+)/', 1) as resource_type,
    lines.sku_id,
    lines.sku_description as sku_meter,
    concat_ws('|', lines.sku_id, cast(lines.tier_start_amount as varchar), lines.consumption_model_id) as sku_price_id,
    tags.tags,

    lines.x_source,
    lines.x_billing_period,
    lines.x_delivery_version,
    lines.x_delivery_id,
    '' as x_dataset,
    lines.x_source_file,
    lines.x_source_row,
    'gcp' as x_provider,
    'gcp/' || lines.charge_rule as x_rule,
    lines.cost_type as x_line_type,
    coalesce(lines.service_description, lines.service_id) as x_service_code,
    cast(null as varchar) as x_resource_group,
    nullif(concat_ws(',',
        case when lines.is_sold and lines.cost_at_list is null then 'ListCost' end,
        case when lines.is_sold and lines.cost_at_effective_price_default is null then 'ContractedCost' end,
        -- Covered, and nowhere is a fee that pays it.
        case when lines.charge_rule = 'covered_usage' and lines.commitment_id is null then 'EffectiveCost' end,
        case
            when lines.is_committed and lines.commitment_id is null
                or lines.commitment_id is not null and (lines.charge_rule = 'commitment_fee' or lines.is_unused)
                and lines.subscription_instance_id is null then 'CommitmentDiscountId'
        end
    ), '') as source_gaps
from shared as lines
left join categories on categories.provider_service_key = 'gcp:' || lower(lines.service_description)
left join regions on regions.provider_region_key = 'gcp:' || lower(lines.location_region)
left join tags on concat_ws('|', lines.labels, lines.project_labels, lines.tags) = tags.raw_tags
