-- Azure cost details in FOCUS terms. Grain: one row per charge; a charge stands once, though it lies in two exports.
-- Billed cost comes from the actual export alone, so it ties to the invoice. Effective cost comes from the amortised
-- export for everything a commitment covers; on-demand charges are the same in both and are taken from the actual one.
-- Where the two exports disagree on a subscription's day, both sides are kept, each with its own cost and the other zero.
with

lines as (
    select
        *,
        lower(coalesce(pricing_model, '')) in ('reservation', 'reservations', 'savingsplan', 'savings plan')
            or charge_type in ('UnusedReservation', 'UnusedSavingsPlan')
            or benefit_id is not null
            or reservation_id is not null as is_commitment
    from {{ ref('stg_azure__cost_details') }}
),

services as (
    select * from {{ ref('azure_services') }}
),

meter_categories as (
    select * from {{ ref('azure_meter_categories') }}
),

regions as (
    select * from {{ ref('regions') }}
),

units as (
    select * from {{ ref('azure_pricing_units') }}
),

resource_types as (
    select * from {{ ref('azure_resource_types') }}
),

tags as (
    select * from {{ ref('int_focus__tags') }} where dialect = 'azure'
),

twins as (
    select
        x_source,
        x_billing_period,
        subscription_id,
        charge_date,
        coalesce(sum(case when x_dataset <> 'amortized' then cost end), 0)
        = coalesce(sum(case when x_dataset = 'amortized' then cost end), 0) as agree
    from lines
    where not is_commitment and has_amortized
    group by x_source, x_billing_period, subscription_id, charge_date
),

classified as (
    select
        lines.*,
        case
            when lines.has_amortized and lines.x_dataset = 'amortized' and not lines.is_commitment
                then case when twins.agree then 'twin_of_actual' else 'amortized_only' end
            when lines.has_amortized and lines.x_dataset <> 'amortized' and not lines.is_commitment and not twins.agree
                then 'actual_only'
            when lines.charge_type in ('UnusedReservation', 'UnusedSavingsPlan') then 'unused_commitment'
            when lines.is_commitment and lines.charge_type in ('Purchase', 'Refund')
                then case when lines.has_amortized then 'commitment_purchase' else 'unamortized_purchase' end
            when lines.is_commitment and lines.x_dataset = 'amortized' then 'covered_usage'
            when lines.is_commitment and lines.has_amortized
                then case when lines.cost = 0 then 'twin_of_amortized' else 'actual_only' end
            else 'charge'
        end as x_rule
    from lines
    left join twins
        on
            lines.x_source = twins.x_source
            and lines.x_billing_period = twins.x_billing_period
            and lines.subscription_id is not distinct from twins.subscription_id
            and lines.charge_date is not distinct from twins.charge_date
),

costed as (
    select
        *,
        case
            when x_dataset = 'amortized' and has_amortized and x_rule in ('covered_usage', 'unused_commitment', 'amortized_only')
                then 0
            else cost
        end as billed_cost,
        case when x_rule in ('commitment_purchase', 'actual_only') then 0 else cost end as effective_cost,
        case when x_rule in ('covered_usage', 'charge', 'amortized_only') then lower(charge_type) in ('usage', '') or charge_type is null
            else false end as is_usage
    from classified
    where x_rule not in ('twin_of_actual', 'twin_of_amortized')
),

priced as (
    select
        costed.*,
        coalesce(units.block_size, 1) as block_size,
        coalesce(units.pricing_unit, costed.unit_of_measure) as unit_name,
        case
            when costed.is_usage and costed.payg_price > 0
                then {{ money('costed.payg_price * costed.quantity') }}
        end as payg_list_cost,
        coalesce(costed.resource_type, lower(regexp_extract(costed.resource_id, '/providers/([^/]+/[^/]+)', 1))) as type_key
    from costed
    left join units on trim(costed.unit_of_measure) = units.unit_of_measure
)

select
    coalesce(priced.billing_account_id, priced.billing_profile_id, 'unknown') as billing_account_id,
    coalesce(priced.billing_account_name, priced.billing_profile_name) as billing_account_name,
    'Billing Account' as billing_account_type,
    '/subscriptions/' || lower(priced.subscription_id) as sub_account_id,
    priced.subscription_name as sub_account_name,
    case when priced.subscription_id is not null then 'Subscription' end as sub_account_type,

    priced.currency as billing_currency,
    cast(priced.x_billing_period || '-01' as timestamp) as billing_period_start,
    {{ dbt.dateadd('month', 1, "cast(priced.x_billing_period || '-01' as timestamp)") }} as billing_period_end,
    priced.charge_date as charge_period_start,
    {{ dbt.dateadd('day', 1, 'priced.charge_date') }} as charge_period_end,

    case
        when priced.x_rule in ('covered_usage', 'unused_commitment') then 'Usage'
        when priced.charge_type in ('Purchase', 'Refund') then 'Purchase'
        when priced.charge_type in ('Credit', 'Tax') then priced.charge_type
        when priced.charge_type = 'Usage' or priced.charge_type is null then 'Usage'
        else 'Adjustment'
    end as charge_category,
    cast(null as varchar) as charge_class,
    coalesce(priced.product_name, priced.meter_name, priced.product_order_name) as charge_description,
    case
        when priced.frequency = 'OneTime' then 'One-Time'
        when priced.frequency = 'Recurring' then 'Recurring'
        when priced.charge_type in ('Purchase', 'Refund') then 'Recurring'
        else 'Usage-Based'
    end as charge_frequency,

    priced.billed_cost,
    priced.effective_cost,
    case priced.x_rule
        when 'unused_commitment' then 0
        when 'actual_only' then 0
        else coalesce(case when priced.is_usage then coalesce(priced.payg_cost, priced.payg_list_cost) end, priced.cost)
    end as list_cost,
    case
        when priced.x_rule in ('unused_commitment', 'actual_only') then 0
        -- A covered line's own price is the commitment's; its contracted price is the negotiated unit price.
        when priced.x_rule = 'covered_usage' and priced.unit_price > 0
            then {{ money('priced.unit_price * priced.quantity') }}
        else priced.cost
    end as contracted_cost,

    case when priced.is_usage and priced.payg_price > 0 then priced.payg_price end as list_unit_price,
    case
        when priced.x_rule in ('covered_usage', 'unused_commitment') then 'Committed'
        when priced.charge_type in ('Tax', 'Credit', 'RoundingAdjustment') then null
        when lower(priced.pricing_model) = 'spot' then 'Dynamic'
        else 'Standard'
    end as pricing_category,
    coalesce(priced.pricing_currency, priced.currency) as pricing_currency,
    case when priced.charge_type <> 'Tax' and priced.x_rule <> 'actual_only' then priced.quantity end as pricing_quantity,
    case
        when priced.charge_type = 'Tax' or priced.x_rule = 'actual_only' then null
        when priced.block_size = 1 then priced.unit_name
        else concat(cast(priced.block_size as bigint), ' ', priced.unit_name)
    end as pricing_unit,
    case when priced.is_usage then cast(priced.quantity * priced.block_size as decimal(38, 12)) end as consumed_quantity,
    case when priced.is_usage then priced.unit_name end as consumed_unit,

    case
        when not priced.is_commitment then null
        when lower(priced.benefit_id) like '%/microsoft.billingbenefits/%' then 'Spend'
        when lower(priced.pricing_model) like 'savings%' or priced.charge_type = 'UnusedSavingsPlan' then 'Spend'
        else 'Usage'
    end as commitment_discount_category,
    case
        when priced.is_commitment then lower(coalesce(
            priced.benefit_id,
            '/providers/microsoft.capacity/reservationorders/' || priced.product_order_id || '/reservations/'
            || priced.reservation_id,
            priced.reservation_id,
            priced.product_order_id
        ))
    end as commitment_discount_id,
    case when priced.is_commitment then coalesce(priced.benefit_name, priced.reservation_name) end
        as commitment_discount_name,
    case when priced.is_commitment then priced.quantity end as commitment_discount_quantity,
    case priced.x_rule when 'unused_commitment' then 'Unused' when 'covered_usage' then 'Used' end
        as commitment_discount_status,
    case
        when not priced.is_commitment then null
        when lower(priced.benefit_id) like '%/microsoft.billingbenefits/%' then 'Savings Plan'
        when lower(priced.pricing_model) like 'savings%' or priced.charge_type = 'UnusedSavingsPlan' then 'Savings Plan'
        else 'Reservation'
    end as commitment_discount_type,
    case when priced.is_commitment then coalesce(priced.unit_name, priced.currency) end as commitment_discount_unit,

    coalesce(exact.service_category, by_type.service_category, by_provider.service_category, by_meter.service_category, 'Other')
        as service_category,
    coalesce(
        exact.service_subcategory, by_type.service_subcategory, by_provider.service_subcategory,
        by_meter.service_subcategory, 'Other (Other)'
    ) as service_subcategory,
    coalesce(
        exact.service_name, by_type.service_name, by_provider.service_name, by_meter.service_name,
        priced.meter_category, priced.consumed_service, 'Unknown'
    ) as service_name,
    'Microsoft' as service_provider_name,
    'Microsoft' as host_provider_name,
    'Microsoft' as provider_name,
    coalesce(priced.publisher_name, 'Microsoft') as publisher_name,
    'Microsoft' as invoice_issuer_name,
    priced.invoice_id,

    coalesce(regions.region_id, lower(replace(priced.resource_location, ' ', ''))) as region_id,
    coalesce(regions.region_name, priced.resource_location) as region_name,
    priced.availability_zone,
    case
        when priced.x_rule in ('commitment_purchase', 'unused_commitment')
            then coalesce(lower(priced.benefit_id), lower(priced.resource_id))
        else lower(priced.resource_id)
    end as resource_id,
    coalesce(priced.resource_name, regexp_extract(priced.resource_id, '[^/]+$')) as resource_name,
    coalesce(resource_types.resource_type_name, priced.type_key) as resource_type,
    coalesce(priced.product_id, priced.part_number, priced.meter_id) as sku_id,
    priced.meter_name as sku_meter,
    concat_ws('|', priced.meter_id, priced.offer_id, priced.unit_of_measure) as sku_price_id,
    tags.tags,

    priced.x_source,
    priced.x_billing_period,
    priced.x_delivery_version,
    priced.x_delivery_id,
    priced.x_dataset,
    priced.x_source_file,
    priced.x_source_row,
    'azure' as x_provider,
    'azure/' || priced.x_rule as x_rule,
    priced.charge_type as x_line_type,
    coalesce(priced.meter_category, priced.consumed_service) as x_service_code,
    lower(priced.resource_group) as x_resource_group,
    case when priced.is_commitment then lower(priced.product_order_id) end as x_commitment_order_id
from priced
left join services as exact
    on lower(priced.consumed_service) = exact.consumed_service and priced.type_key = exact.resource_type
left join services as by_type on priced.type_key = by_type.resource_type and by_type.consumed_service is null
left join services as by_provider
    on lower(priced.consumed_service) = by_provider.consumed_service and by_provider.resource_type is null
left join meter_categories as by_meter on lower(priced.meter_category) = by_meter.meter_category
left join regions on regions.provider_region_key = 'azure:' || lower(priced.resource_location)
left join resource_types on priced.type_key = resource_types.resource_type
left join tags on priced.tags = tags.raw_tags
