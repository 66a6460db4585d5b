-- Azure charges in FOCUS terms. Grain: one row per line of int_focus__azure_lines.
with

priced as (
    select
        *,
        coalesce(resource_type, lower(regexp_extract(resource_id, '/providers/([^/]+/[^/]+)', 1))) as type_key,
        -- Under a customer agreement the billing profile is what is invoiced; an enrolment is its own profile.
        coalesce(billing_profile_id <> billing_account_id, false) as is_invoiced_by_profile,
        coalesce(lower(publisher_type) = 'marketplace' and publisher_name is not null, false) as is_sold_by_others,
        nullif(regexp_extract(additional_info, '"VMCapacityReservationId"\s*:\s*"([^"]+)"', 1), '') as capacity_reservation_id
    from {{ ref('int_focus__azure_lines') }}
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

resource_types as (
    select * from {{ ref('azure_resource_types') }}
),

tags as (
    select * from {{ ref('int_focus__tags') }} where dialect = 'azure'
)

select
    case
        when priced.is_invoiced_by_profile then priced.billing_profile_id
        else coalesce(priced.billing_account_id, priced.billing_profile_id, 'unknown')
    end as billing_account_id,
    case
        when priced.is_invoiced_by_profile then priced.billing_profile_name
        else coalesce(priced.billing_account_name, priced.billing_profile_name)
    end as billing_account_name,
    case when priced.is_invoiced_by_profile then 'Billing Profile' else 'Billing Account' end as billing_account_type,
    '/subscriptions/' || lower(priced.subscription_id) as sub_account_id,
    priced.subscription_name as sub_account_name,
    case when priced.subscription_id is not null then 'Subscription' end as sub_account_type,

    priced.currency as billing_currency,
    cast(priced.x_billing_period || '-01' as timestamp) as billing_period_start,
    {{ dbt.dateadd('month', 1, "cast(priced.x_billing_period || '-01' as timestamp)") }} as billing_period_end,
    priced.charge_date as charge_period_start,
    {{ dbt.dateadd('day', 1, 'priced.charge_date') }} as charge_period_end,

    case priced.charge_kind
        when 'usage' then 'Usage'
        when 'unusedreservation' then 'Usage'
        when 'unusedsavingsplan' then 'Usage'
        when 'purchase' then 'Purchase'
        when 'refund' then 'Purchase'
        when 'credit' then 'Credit'
        when 'tax' then 'Tax'
        else 'Adjustment'
    end as charge_category,
    -- A refund names the invoice that it corrects.
    case when priced.charge_kind = 'refund' and priced.previous_invoice_id is not null then 'Correction' end as charge_class,
    coalesce(priced.product_name, priced.meter_name, priced.product_order_name) as charge_description,
    case
        when lower(priced.frequency) = 'onetime' then 'One-Time'
        when lower(priced.frequency) = 'recurring' then 'Recurring'
        when priced.charge_kind in ('purchase', 'refund') then 'Recurring'
        else 'Usage-Based'
    end as charge_frequency,

    priced.billed_cost,
    priced.effective_cost,
    priced.list_cost,
    priced.contracted_cost,

    case when priced.is_usage then priced.list_price end as list_unit_price,
    case when priced.is_usage and priced.pricing_currency <> priced.currency then nullif(priced.payg_price, 0) end
        as pricing_currency_list_unit_price,
    case
        when priced.pricing_currency <> priced.currency
            then case when priced.effective_cost = priced.cost then priced.cost_in_pricing_currency else 0 end
    end as pricing_currency_effective_cost,
    case
        when priced.x_rule in ('covered_usage', 'unused_commitment') then 'Committed'
        when priced.charge_kind not in ('usage', 'purchase', 'refund') then null
        when lower(priced.pricing_model) = 'spot' then 'Dynamic'
        else 'Standard'
    end as pricing_category,
    coalesce(priced.pricing_currency, priced.currency) as pricing_currency,
    case when priced.charge_kind <> 'tax' and priced.x_rule <> 'actual_only' then priced.priced_quantity end as pricing_quantity,
    case
        when priced.charge_kind = 'tax' or priced.x_rule = 'actual_only' then null
        when priced.block_size = 1 then priced.unit_name
        else concat(cast(priced.block_size as bigint), ' ', priced.unit_name)
    end as pricing_unit,
    case when priced.is_usage then priced.used_quantity end as consumed_quantity,
    case when priced.is_usage then priced.unit_name end as consumed_unit,

    case when priced.is_commitment then case when priced.is_savings_plan then 'Spend' else 'Usage' end end
        as commitment_discount_category,
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
    priced.commitment_quantity as commitment_discount_quantity,
    case priced.x_rule when 'unused_commitment' then 'Unused' when 'covered_usage' then 'Used' end
        as commitment_discount_status,
    case when priced.is_commitment then case when priced.is_savings_plan then 'Savings Plan' else 'Reservation' end end
        as commitment_discount_type,
    priced.commitment_unit as commitment_discount_unit,
    case when priced.charge_kind = 'usage' then priced.capacity_reservation_id end as capacity_reservation_id,
    case
        when priced.charge_kind <> 'usage' or priced.capacity_reservation_id is null then null
        when lower(priced.resource_id) like '%/capacityreservationgroups/%/capacityreservations/%' then 'Unused'
        else 'Used'
    end as capacity_reservation_status,

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
    -- On the Marketplace Microsoft sells and invoices what a publisher provides; where it runs, the export does not say.
    case when priced.is_sold_by_others then priced.publisher_name else 'Microsoft' end as service_provider_name,
    case when not priced.is_sold_by_others then 'Microsoft' end as host_provider_name,
    'Microsoft' as provider_name,
    coalesce(priced.publisher_name, 'Microsoft') as publisher_name,
    coalesce(priced.partner_name, 'Microsoft') as invoice_issuer_name,
    priced.invoice_id,

    coalesce(regions.region_id, lower(replace(priced.resource_location, ' ', ''))) as region_id,
    coalesce(regions.region_name, priced.resource_location) as region_name,
    priced.availability_zone,
    case
        when priced.x_rule in ('commitment_purchase', 'unamortized_purchase', 'unused_commitment')
            then coalesce(lower(priced.benefit_id), lower(priced.resource_id))
        else lower(priced.resource_id)
    end as resource_id,
    coalesce(priced.resource_name, regexp_extract(priced.resource_id, '[^/]+$')) as resource_name,
    coalesce(resource_types.resource_type_name, priced.type_key) as resource_type,
    coalesce(priced.product_id, priced.part_number, priced.meter_id) as sku_id,
    priced.meter_name as sku_meter,
    concat_ws('|', priced.meter_id, priced.offer_id, priced.unit_of_measure) as sku_price_id,
    tags.tags,
    priced.source_gaps,

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
