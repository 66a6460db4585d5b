{%- set texts = [
    'billing_account_id', 'billing_account_name', 'sub_account_id', 'sub_account_name', 'charge_class', 'charge_description',
    'pricing_category', 'pricing_unit', 'consumed_unit', 'commitment_discount_category', 'commitment_discount_id',
    'commitment_discount_name', 'commitment_discount_status', 'commitment_discount_type', 'commitment_discount_unit',
    'capacity_reservation_id', 'capacity_reservation_status', 'publisher_name', 'invoice_id', 'invoice_detail_id',
    'region_id', 'region_name', 'availability_zone', 'resource_id', 'resource_name', 'resource_type', 'sku_id', 'sku_meter',
    'sku_price_id', 'sku_price_details', 'x_service_code', 'x_resource_group',
    'allocated_resource_id', 'x_invoicing_entity',
] -%}
-- Charges of all providers under the column rules of FOCUS. Grain: one row per charge line. Amounts pass unchanged.
-- What a rule wants empty is emptied; what it wants filled and the source does not give is filled where FOCUS allows a
-- stand-in (SkuId, units, prices that follow from cost and quantity), and named in x_gaps either way.
-- Files that are FOCUS already keep what they say: their gaps are only named.
with

delivered as (
    select * from {{ ref('int_focus__aws_charges') }}
    union all by name
    select * from {{ ref('int_focus__azure_charges') }}
    union all by name
    select * from {{ ref('int_focus__gcp_charges') }}
    union all by name
    select * from {{ ref('int_focus__native_charges') }}
),

-- FOCUS knows NULL only: Parquet exports write empty texts.
charges as (
    select
        * exclude (
            {{ texts | join(', ') }}, service_name, billing_period_start, billing_period_end, charge_period_end
        ),
        coalesce(nullif(service_name, ''), nullif(x_service_code, ''), 'Unknown') as service_name,
        coalesce(billing_period_start, {{ first_of_month('x_billing_period') }}) as billing_period_start,
        -- Exports without an end, or with one that is not after the start, are of one month. An end that a FOCUS file has stays.
        case
            when billing_period_end > billing_period_start then billing_period_end
            when x_rule = 'focus/as_delivered' and billing_period_end is not null then billing_period_end
            else {{ dbt.dateadd('month', 1, 'coalesce(billing_period_start, ' ~ first_of_month('x_billing_period') ~ ')') }}
        end as billing_period_end,
        coalesce(charge_period_end, charge_period_start) as charge_period_end,
        {%- for text in texts %}
        nullif({{ text }}, '') as {{ text }}{{ ',' if not loop.last }}
        {%- endfor %}
    from delivered
),

units as (
    select * from {{ ref('int_focus__units') }}
),

marked as (
    select
        charges.*,
        charges.x_rule <> 'focus/as_delivered' as is_converted,
        charges.charge_category in ('Usage', 'Purchase') as is_sold,
        charges.charge_category = 'Usage' and coalesce(charges.commitment_discount_status, '') <> 'Unused' as is_consumed,
        coalesce(pricing_units.focus_unit, charges.pricing_unit) as named_pricing_unit,
        coalesce(consumed_units.focus_unit, charges.consumed_unit) as named_consumed_unit,
        coalesce(commitment_units.focus_unit, charges.commitment_discount_unit) as named_commitment_unit
    from charges
    left join units as pricing_units
        on case when charges.x_rule <> 'focus/as_delivered' then charges.pricing_unit end = pricing_units.unit
    left join units as consumed_units
        on case when charges.x_rule <> 'focus/as_delivered' then charges.consumed_unit end = consumed_units.unit
    left join units as commitment_units
        on case when charges.x_rule <> 'focus/as_delivered' then charges.commitment_discount_unit end = commitment_units.unit
),

-- Files that are FOCUS already pass as they are; the other rows are emptied and filled.
filled as (
    select
        * exclude (
            sku_id, sku_price_id, sku_meter, pricing_category, pricing_quantity, pricing_unit, consumed_quantity,
            consumed_unit, commitment_discount_quantity, commitment_discount_unit, commitment_discount_status,
            commitment_discount_name, commitment_discount_category, commitment_discount_type, resource_id, resource_type, pricing_currency_effective_cost, list_unit_price,
            contracted_unit_price
        ),
        sku_id as given_sku_id,
        sku_price_id as given_sku_price_id,
        sku_meter as given_sku_meter,
        case
            when not is_converted then sku_id
            when charge_category = 'Tax' then null
            when is_sold then coalesce(sku_id, concat_ws(':', x_provider, x_service_code, sku_meter))
            else sku_id
        end as sku_id,
        case when is_converted and charge_category = 'Tax' then null else pricing_category end as pricing_category,
        case
            when not is_converted then pricing_quantity
            when charge_category = 'Tax' then null
            when commitment_discount_status = 'Unused' then coalesce(pricing_quantity, commitment_discount_quantity)
            else pricing_quantity
        end as pricing_quantity,
        case
            when is_converted and commitment_discount_status = 'Unused' and pricing_quantity is null then named_commitment_unit
            else named_pricing_unit
        end as named_pricing_unit_of_row,
        case when not is_converted or is_consumed then consumed_quantity end as consumed_quantity,
        case when not is_converted or (is_sold and commitment_discount_id is not null) then commitment_discount_quantity end
            as commitment_discount_quantity,
        case when not is_converted or commitment_discount_id is not null then commitment_discount_status end
            as commitment_discount_status,
        case
            when not is_converted then commitment_discount_name
            when commitment_discount_id is not null then coalesce(commitment_discount_name, commitment_discount_id)
        end as commitment_discount_name,
        case when not is_converted or commitment_discount_id is not null then commitment_discount_category end
            as commitment_discount_category,
        case when not is_converted or commitment_discount_id is not null then commitment_discount_type end
            as commitment_discount_type,
        -- The resource of a commitment's fee and of its unused part is the commitment.
        case
            when is_converted and commitment_discount_id is not null
                and (charge_category = 'Purchase' or commitment_discount_status = 'Unused') then commitment_discount_id
            else resource_id
        end as resource_id,
        case
            when not is_converted then resource_type
            when commitment_discount_id is not null
                and (charge_category = 'Purchase' or commitment_discount_status = 'Unused') then commitment_discount_type
            when resource_id is not null then resource_type
        end as resource_type,
        coalesce(
            pricing_currency_effective_cost, case when pricing_currency = billing_currency then effective_cost end
        ) as pricing_currency_effective_cost,
        list_unit_price as given_list_unit_price,
        contracted_unit_price as given_contracted_unit_price
    from marked
),

priced as (
    select
        * exclude (given_sku_price_id, given_sku_meter),
        case
            when not is_converted then given_sku_price_id
            when sku_id is null then null
            -- A SkuPriceId has one SkuId: it carries it.
            when given_sku_price_id is null then case when is_sold then sku_id end
            when starts_with(given_sku_price_id, sku_id) then given_sku_price_id
            else sku_id || '|' || given_sku_price_id
        end as sku_price_id,
        case when not is_converted or sku_id is not null then given_sku_meter end as sku_meter,
        case
            when not is_converted then named_pricing_unit_of_row
            when pricing_quantity is not null then coalesce(named_pricing_unit_of_row, 'Units')
        end as pricing_unit,
        case
            when not is_converted then named_consumed_unit
            when consumed_quantity is not null then coalesce(named_consumed_unit, 'Units')
        end as consumed_unit,
        case
            when not is_converted then named_commitment_unit
            when commitment_discount_quantity is not null then coalesce(named_commitment_unit, 'Units')
        end as commitment_discount_unit,
        case
            when not is_converted then given_list_unit_price
            when charge_category = 'Tax' then null
            when given_list_unit_price >= 0
                and {{ is_price_times_quantity('list_cost', 'given_list_unit_price', 'pricing_quantity') }}
                then given_list_unit_price
            when is_sold then {{ unit_price('list_cost', 'pricing_quantity') }}
        end as list_unit_price,
        case
            when not is_converted then given_contracted_unit_price
            when charge_category = 'Tax' then null
            when given_contracted_unit_price >= 0
                and {{ is_price_times_quantity('contracted_cost', 'given_contracted_unit_price', 'pricing_quantity') }}
                then given_contracted_unit_price
            when is_sold then {{ unit_price('contracted_cost', 'pricing_quantity') }}
        end as contracted_unit_price
    from filled
)

select
    * exclude (
        is_converted, is_sold, is_consumed, given_sku_id, given_list_unit_price, given_contracted_unit_price,
        source_gaps, named_pricing_unit, named_pricing_unit_of_row, named_consumed_unit, named_commitment_unit
    ),
    -- The columns that FOCUS wants on this row and the source does not give.
    nullif(concat_ws(
        ',',
        case when billing_account_id is null then 'BillingAccountId' end,
        case when billing_account_name is null then 'BillingAccountName' end,
        case when sub_account_id is not null and sub_account_name is null then 'SubAccountName' end,
        case when resource_id is not null and resource_type is null then 'ResourceType' end,
        case when pricing_currency_effective_cost is null then 'PricingCurrencyEffectiveCost' end,
        case when is_sold and charge_class is null and given_sku_id is null then 'SkuId' end,
        case when is_sold and charge_class is null and sku_price_id is null then 'SkuPriceId' end,
        case when is_sold and charge_class is null and pricing_category is null then 'PricingCategory' end,
        case when is_sold and charge_class is null and pricing_quantity is null then 'PricingQuantity' end,
        case when pricing_quantity is not null and named_pricing_unit_of_row is null then 'PricingUnit' end,
        case when is_consumed and charge_class is null and consumed_quantity is null then 'ConsumedQuantity' end,
        case when consumed_quantity is not null and named_consumed_unit is null then 'ConsumedUnit' end,
        case when sku_price_id is not null and list_unit_price is null then 'ListUnitPrice' end,
        case when sku_price_id is not null and contracted_unit_price is null then 'ContractedUnitPrice' end,
        case
            when is_sold and charge_class is null and commitment_discount_id is not null
                and commitment_discount_quantity is null then 'CommitmentDiscountQuantity'
        end,
        case
            when commitment_discount_quantity is not null and named_commitment_unit is null then 'CommitmentDiscountUnit'
        end,
        case when commitment_discount_id is not null and commitment_discount_category is null then 'CommitmentDiscountCategory' end,
        case when commitment_discount_id is not null and commitment_discount_type is null then 'CommitmentDiscountType' end,
        case
            when charge_category = 'Usage' and commitment_discount_id is not null and commitment_discount_status is null
                then 'CommitmentDiscountStatus'
        end,
        -- Billed although a commitment covers it: at its discounted price.
        case
            when commitment_discount_status = 'Used' and billed_cost <> 0
                and x_provider = 'gcp' then 'BilledCost'
        end,
        -- What only the conversion knows that the source did not give.
        source_gaps
    ), '') as x_gaps
from priced
