-- GCP billing export rows with what each is, and its credits by what they do. Grain: one row per exported row.
-- A committed use discount in the credit model (all until 2026-01-21, resources ever since) is a credit on the usage; in the
-- consumption model usage has its lower price, and the fee gets back what was used of it (FEE_UTILIZATION_OFFSET).
with

lines as (
    select
        *,
        {{ commitment_credit() }} as commitment_credit,
        {{ sum_of_credits(['COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE'], 'dollar.based') }} as spend_commitment_credit,
        {{ sum_of_credits(['FEE_UTILIZATION_OFFSET']) }} as offset_credit,
        {{ sum_of_credits(['SUSTAINED_USAGE_DISCOUNT'], '^sustained us(e|age) discount') }} as sustained_credit,
        -- Google's goodwill and start-up programmes pay afterwards; every other credit lowers the price.
        {{ sum_of_credits(['PROMOTION']) }} as promotion_credit,
        {{ names_of_credits('PROMOTION') }} as promotion_names,
        coalesce(
            consumption_model_id is not null and lower(consumption_model_description) not like 'default%', false
        ) as has_consumption_price,
        regexp_matches(coalesce(sku_description, ''), '^commitment( v[0-9]+:| - )|committed use discount', 'i') as is_commitment_sku,
        cast(concat(substr(invoice_month, 1, 4), '-', substr(invoice_month, 5, 2), '-01') as date) as invoice_date
    from {{ ref('stg_gcp__billing_export') }}
),

classified as (
    select
        *,
        {{ money('cost + credits_total') }} as net_cost,
        case
            when cost_type = 'tax' then 'tax'
            when cost_type in ('rounding_error', 'roundoff') then 'rounding'
            when cost_type = 'adjustment' and adjustment_type in ('GOODWILL', 'SALES_BASED_GOODWILL', 'SLA_VIOLATION')
                then 'goodwill'
            when cost_type = 'adjustment' then 'adjustment'
            when is_commitment_sku or offset_credit <> 0 then 'commitment_fee'
            when subscription_instance_id is not null and consumption_model_id is null and commitment_credit = 0 then 'subscription'
            else 'usage'
        end as x_rule,
        case
            when regexp_matches(sku_description, 'dollar.based', 'i') or offset_credit <> 0 or has_consumption_price
                or spend_commitment_credit <> 0 then 'Spend'
            else 'Usage'
        end as commitment_category
    from lines
)

select
    *,
    -- What of a usage row a credit for commitments pays.
    case
        when x_rule = 'usage' and cost > 0 and commitment_credit < 0 then {{ money('least(cost, -commitment_credit)') }}
        else {{ money('0') }}
    end as covered_cost,
    case
        when x_rule <> 'usage' or cost <= 0 or commitment_credit >= 0 then cast(0 as decimal(13, 12))
        when -commitment_credit >= cost then cast(1 as decimal(13, 12))
        else cast({{ unit_price('-commitment_credit', 'cost') }} as decimal(13, 12))
    end as covered_share,
    -- Without a subscription (before 2024) a commitment is known by its SKU, project and region.
    coalesce(
        subscription_instance_id, concat_ws('/', billing_account_id, project_id, sku_id, nullif(location_region, ''))
    ) as fee_commitment_id,
    case
        when commitment_category = 'Spend' then lower(coalesce(service_description, service_id))
        when x_rule = 'commitment_fee' then {{ committed_resource('sku_description') }}
        else coalesce({{ committed_resource('sku_description') }}, {{ committed_resource('service_description') }})
    end as committed_resource,
    case when commitment_category = 'Spend' then '' else {{ machine_family("coalesce(sku_description, '')") }} end as machine_family
from classified
