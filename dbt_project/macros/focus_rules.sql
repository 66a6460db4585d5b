{# The rules of FOCUS for one row of the ledger, as name: what breaks it. Source: FOCUS 1.2, unchanged in 1.4.
   Blocks of units are of ten and more, so a quantity divided by its block once too often shows in the order of magnitude.
   A gap that the row names excuses it; "sold" is FOCUS's "Usage or Purchase that corrects nothing". #}
{% macro names_gap(column) -%}
    (concat(',', coalesce(x_gaps, ''), ',') like '%,{{ column }},%')
{%- endmacro %}

{# The columns that int_focus__conformed may name in x_gaps. #}
{% macro focus_gap_columns() -%}
    {{ return([
        'BillingAccountId', 'BillingAccountName', 'SubAccountName', 'ResourceType', 'PricingCurrencyEffectiveCost', 'SkuId', 'SkuPriceId',
        'PricingCategory', 'PricingQuantity', 'PricingUnit', 'ConsumedQuantity', 'ConsumedUnit', 'ListUnitPrice',
        'ContractedUnitPrice', 'CommitmentDiscountQuantity', 'CommitmentDiscountUnit', 'CommitmentDiscountStatus',
        'CommitmentDiscountCategory', 'CommitmentDiscountType',
        'EffectiveCost', 'BilledCost', 'ListCost', 'ContractedCost', 'CommitmentDiscountId',
        'BillingPeriodEnd', 'ChargePeriodEnd', 'ChargeFrequency', 'ServiceName', 'ServiceCategory', 'InvoiceIssuerName',
    ]) }}
{%- endmacro %}

{% macro focus_row_rules() -%}
    {%- set sold = "(charge_category in ('Usage', 'Purchase') and charge_class is null)" -%}
    {%- set consumed = "(charge_category = 'Usage' and coalesce(commitment_discount_status, '') <> 'Unused')" -%}
    {%- set rules = {
        'charge_category_is_known':
            "charge_category is null or charge_category not in ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment')",
        'charge_class_is_known': "charge_class <> 'Correction'",
        'charge_frequency_is_known':
            "charge_frequency is null or charge_frequency not in ('One-Time', 'Recurring', 'Usage-Based')",
        'purchase_is_never_usage_based': "charge_category = 'Purchase' and charge_frequency = 'Usage-Based'",
        'pricing_category_is_known': "pricing_category not in ('Standard', 'Dynamic', 'Committed', 'Other')",
        'commitment_category_is_known': "commitment_discount_category not in ('Spend', 'Usage')",
        'commitment_status_is_known': "commitment_discount_status not in ('Used', 'Unused')",
        'currency_is_an_iso_code':
            "billing_currency is null or length(billing_currency) <> 3 or billing_currency <> upper(billing_currency)",
        'billing_period_ends_after_it_starts':
            "billing_period_start is null or billing_period_end is null or billing_period_end <= billing_period_start",
        'charge_period_does_not_end_before_it_starts':
            "charge_period_start is null or charge_period_end is null or charge_period_end < charge_period_start",
        'every_row_has_four_costs':
            "billed_cost is null or effective_cost is null or list_cost is null or contracted_cost is null",
        'account_issuer_and_service_are_named':
            "billing_account_id is null and not " ~ names_gap('BillingAccountId') ~ " or invoice_issuer_name is null or service_provider_name is null or service_name is null",
        'unit_prices_are_not_negative': "list_unit_price < 0 or contracted_unit_price < 0",
        'list_cost_is_price_times_quantity':
            "charge_class is null and not " ~ is_price_times_quantity('list_cost', 'list_unit_price', 'pricing_quantity'),
        'contracted_cost_is_price_times_quantity':
            "charge_class is null and not "
            ~ is_price_times_quantity('contracted_cost', 'contracted_unit_price', 'pricing_quantity'),
        'contracted_cost_is_of_the_order_of_the_bill':
            "x_rule <> 'focus/as_delivered' and charge_category = 'Usage' and commitment_discount_id is null"
            ~ " and billed_cost > 0.01 and contracted_cost * 5 < billed_cost and x_rule not like '%/actual_only'",
        'tax_has_no_price':
            "charge_category = 'Tax' and coalesce(pricing_category, pricing_unit, sku_id, sku_price_id, sku_meter, "
            ~ "cast(pricing_quantity as varchar), cast(list_unit_price as varchar), cast(contracted_unit_price as varchar)) is not null",
        'sold_has_a_sku': sold ~ " and (sku_id is null and not " ~ names_gap('SkuId')
            ~ " or sku_price_id is null and not " ~ names_gap('SkuPriceId') ~ ")",
        'sold_has_a_pricing_category': sold ~ " and pricing_category is null and not " ~ names_gap('PricingCategory'),
        'sold_has_a_pricing_quantity': sold ~ " and pricing_quantity is null and not " ~ names_gap('PricingQuantity'),
        'sold_has_unit_prices': sold ~ " and sku_price_id is not null and (list_unit_price is null and not "
            ~ names_gap('ListUnitPrice') ~ " or contracted_unit_price is null and not " ~ names_gap('ContractedUnitPrice') ~ ")",
        'quantities_have_units':
            "(pricing_quantity is null) <> (pricing_unit is null) or (consumed_quantity is null) <> (consumed_unit is null)"
            ~ " or (commitment_discount_quantity is null) <> (commitment_discount_unit is null)",
        'consumption_is_measured_on_used_usage_only': "consumed_quantity is not null and not " ~ consumed,
        'used_usage_is_measured': consumed ~ " and charge_class is null and consumed_quantity is null and not "
            ~ names_gap('ConsumedQuantity'),
        'tax_and_credit_cost_what_is_billed': "charge_category in ('Tax', 'Credit') and effective_cost <> billed_cost",
        'uncovered_usage_costs_what_is_billed':
            "charge_category = 'Usage' and commitment_discount_id is null and coalesce(pricing_category, '') <> 'Committed'"
            ~ " and effective_cost <> billed_cost and x_rule not like '%/actual_only' and x_rule not like '%/amortized_only'",
        'ordinary_purchase_costs_what_is_billed':
            "charge_category = 'Purchase' and commitment_discount_id is null and effective_cost <> billed_cost"
            ~ " and x_rule not like '%/commitment_%' and x_rule not like '%/actual_only' and x_rule not like '%/amortized_only'",
        'commitment_purchase_costs_nothing_itself':
            "charge_category = 'Purchase' and commitment_discount_id is not null and effective_cost <> 0 and not "
            ~ names_gap('EffectiveCost'),
        'covered_usage_is_not_billed': "commitment_discount_status = 'Used' and billed_cost <> 0 and not "
            ~ names_gap('BilledCost'),
        'unused_commitment_is_not_billed': "commitment_discount_status = 'Unused' and billed_cost <> 0 and not "
            ~ names_gap('BilledCost'),
        'unused_commitment_is_usage_of_the_commitment': "commitment_discount_status = 'Unused' and (charge_category <> 'Usage'"
            ~ " or commitment_discount_id is null or resource_id is null or resource_id <> commitment_discount_id)",
        'covered_usage_is_priced_as_committed':
            "commitment_discount_status is not null and charge_category = 'Usage' and coalesce(pricing_category, '') <> 'Committed'",
        'commitment_purchase_is_not_priced_as_committed': "charge_category = 'Purchase' and pricing_category = 'Committed'",
        'covered_usage_has_a_status': "charge_category = 'Usage' and commitment_discount_id is not null"
            ~ " and commitment_discount_status is null and not " ~ names_gap('CommitmentDiscountStatus'),
        'commitment_columns_come_together':
            "commitment_discount_id is null and coalesce(commitment_discount_name, commitment_discount_status,"
            ~ " commitment_discount_category, commitment_discount_type) is not null"
            ~ " or commitment_discount_id is not null and ("
            ~ "commitment_discount_category is null and not " ~ names_gap('CommitmentDiscountCategory')
            ~ " or commitment_discount_type is null and not " ~ names_gap('CommitmentDiscountType') ~ ")",
        'commitments_are_measured': sold ~ " and commitment_discount_id is not null and commitment_discount_quantity is null and not "
            ~ names_gap('CommitmentDiscountQuantity'),
        'capacity_reservations_have_a_status': "charge_category = 'Usage'"
            ~ " and (capacity_reservation_id is null) <> (capacity_reservation_status is null)",
        'tags_are_one_flat_json_object': "tags is not null and not " ~ is_flat_json_object('tags'),
        'service_category_is_known': "known_category is null",
        'subcategory_belongs_to_its_category':
            "known_parent_category is null and service_subcategory is not null"
            ~ " or known_parent_category <> service_category",
        'nothing_is_an_empty_text':
            "coalesce('' in (billing_account_id, billing_account_name, sub_account_id, sub_account_name, charge_description,"
            ~ " pricing_unit, consumed_unit, commitment_discount_id, commitment_discount_name, service_name, invoice_id, region_id,"
            ~ " region_name, availability_zone, resource_id, resource_name, resource_type, sku_id, sku_meter, sku_price_id,"
            ~ " publisher_name, invoice_issuer_name), false)",
    } -%}
    {{ return(rules) }}
{%- endmacro %}

{% macro fail_with(message) -%}
    {{ return(adapter.dispatch('fail_with', 'finops')(message)) }}
{%- endmacro %}

{# Ends the query with `message` as its error, so that a failed test says what is wrong and not only how many rows. #}
{% macro duckdb__fail_with(message) -%}
    error({{ message }})
{%- endmacro %}
