{#- Written into the query at both of its uses: DuckDB keeps in memory what a CTE gives twice, also where a view forbids it
    (1.5), and a year's lines at their full width are more than a build may take. -#}
{%- set lines %}
    (
        select
            *,
            coalesce(
                lower(replace(pricing_model, ' ', '')) in ('reservation', 'reservations', 'savingsplan')
                or charge_kind in ('unusedreservation', 'unusedsavingsplan')
                or benefit_id is not null
                or reservation_id is not null,
                false
            ) as is_commitment,
            coalesce(
                lower(benefit_id) like '%/microsoft.billingbenefits/%'
                or lower(replace(pricing_model, ' ', '')) = 'savingsplan'
                or charge_kind = 'unusedsavingsplan',
                false
            ) as is_savings_plan,
            has_amortized and x_dataset = 'amortized' as is_amortized_side,
            has_amortized and x_dataset <> 'amortized' as is_actual_side
        from {{ ref('stg_azure__cost_details') }}
    ) as lines
{%- endset %}
-- Azure cost details with what each is and its four costs. Grain: one row per charge, though it lies in two exports.
-- Billed cost comes from the actual export alone, so it ties to the invoice. Effective cost comes from the amortised
-- export for everything a commitment covers; on-demand charges are the same in both and are taken from the actual one.
-- Where the two exports disagree on a subscription's day, both sides are kept, each with its own cost and the other zero.
with

units as (
    select * from {{ ref('azure_pricing_units') }}
),

bills as (
    select * from {{ ref('int_focus__azure_bills') }}
),

twins as (
    select
        x_source,
        x_billing_period,
        subscription_id,
        charge_date,
        coalesce(sum(case when is_actual_side then cost end), 0)
        = coalesce(sum(case when is_amortized_side then cost end), 0) as agree
    from {{ lines }}
    where not is_commitment and has_amortized
    group by x_source, x_billing_period, subscription_id, charge_date
),

classified as (
    select
        lines.*,
        case
            when lines.is_amortized_side and not lines.is_commitment
                then case when twins.agree then 'twin_of_actual' else 'amortized_only' end
            when lines.is_actual_side and not lines.is_commitment and not twins.agree then 'actual_only'
            when not lines.is_commitment then 'charge'
            -- A commitment is bought in the actual export. Another copy of the purchase would bill it twice.
            when lines.charge_kind in ('purchase', 'refund') then case
                when lines.is_amortized_side then 'twin_of_actual'
                when lines.is_actual_side then 'commitment_purchase'
                else 'unamortized_purchase'
            end
            -- What it covers, and what nobody used of it, costs what the amortised export says.
            when lines.is_actual_side and lines.charge_kind in ('usage', 'unusedreservation', 'unusedsavingsplan')
                then case when lines.cost = 0 then 'twin_of_amortized' else 'actual_only' end
            when lines.charge_kind in ('unusedreservation', 'unusedsavingsplan') then 'unused_commitment'
            when lines.charge_kind = 'usage' then 'covered_usage'
            when lines.is_amortized_side then 'amortized_only'
            when lines.is_actual_side then 'actual_only'
            else 'charge'
        end as x_rule
    from {{ lines }}
    left join twins
        on
            lines.x_source = twins.x_source
            and lines.x_billing_period = twins.x_billing_period
            and lines.subscription_id is not distinct from twins.subscription_id
            and lines.charge_date is not distinct from twins.charge_date
),

measured as (
    select
        classified.*,
        classified.x_rule in ('covered_usage', 'charge', 'amortized_only') and classified.charge_kind = 'usage' as is_usage,
        coalesce(units.block_size, 1) as block_size,
        coalesce(units.pricing_unit, classified.unit_of_measure) as unit_name,
        -- Prices are in the pricing currency, where there is one; without a rate they say nothing about the bill.
        case
            when classified.pricing_currency is null or classified.pricing_currency = classified.currency then 1
            when classified.exchange_rate > 0 then classified.exchange_rate
        end as price_rate,
        case
            when units.block_size > 1 and not coalesce(bills.counts_in_blocks, true)
                then cast(sign(classified.quantity) * {{ unit_price('abs(classified.quantity)', 'units.block_size') }} as decimal(38, 12))
            else classified.quantity
        end as priced_quantity,
        case
            when units.block_size > 1 and coalesce(bills.counts_in_blocks, true)
                then cast(classified.quantity * units.block_size as decimal(38, 12))
            else classified.quantity
        end as used_quantity,
        -- How many of the reserved machine one hour of this machine takes.
        coalesce(try_cast(
            nullif(regexp_extract(classified.additional_info, '"RINormalizationRatio"\s*:\s*"?([0-9.]+)', 1), '') as decimal(18, 6)
        ), 1) as reserved_units
    from classified
    left join units on trim(classified.unit_of_measure) = units.unit_of_measure
    left join bills
        on classified.x_source = bills.x_source and classified.x_billing_period = bills.x_billing_period
    where classified.x_rule not in ('twin_of_actual', 'twin_of_amortized')
),

rated as (
    select
        *,
        case
            when payg_price > 0 and price_rate = 1 then payg_price
            when payg_price > 0 then {{ money('cast(payg_price as decimal(22, 12)) * cast(price_rate as decimal(14, 8))') }}
        end as list_price,
        case
            when unit_price > 0 and price_rate = 1 then unit_price
            when unit_price > 0 then {{ money('cast(unit_price as decimal(22, 12)) * cast(price_rate as decimal(14, 8))') }}
        end as contract_price
    from measured
),

priced as (
    select
        *,
        case
            when not is_usage then cost
            when payg_cost <> 0 then payg_cost
            when list_price > 0 then {{ price_times('list_price', 'priced_quantity') }}
            when cost = 0 and x_rule <> 'covered_usage' then 0
        end as known_list_cost,
        case
            when x_rule <> 'covered_usage' then cost
            when contract_price > 0 then {{ price_times('contract_price', 'priced_quantity') }}
        end as known_contracted_cost
    from rated
)

select
    * exclude (known_list_cost, known_contracted_cost),
    case
        when is_amortized_side and x_rule in ('covered_usage', 'unused_commitment', 'amortized_only') then 0
        else cost
    end as billed_cost,
    case when x_rule in ('commitment_purchase', 'actual_only') then 0 else cost end as effective_cost,
    case
        when x_rule in ('unused_commitment', 'actual_only') then 0
        else coalesce(known_list_cost, known_contracted_cost, cost)
    end as list_cost,
    case
        when x_rule in ('unused_commitment', 'actual_only') then 0
        else coalesce(known_contracted_cost, known_list_cost, cost)
    end as contracted_cost,
    case
        when not is_commitment or x_rule = 'actual_only' then null
        when is_savings_plan then coalesce(cost_in_pricing_currency, cost)
        when x_rule = 'covered_usage' then cast(used_quantity * reserved_units as decimal(38, 12))
        else used_quantity
    end as commitment_quantity,
    case
        when not is_commitment or x_rule = 'actual_only' then null
        when is_savings_plan and cost_in_pricing_currency is not null then coalesce(pricing_currency, currency)
        when is_savings_plan then currency
        when x_rule in ('covered_usage', 'unused_commitment') then 'Normalized ' || coalesce(unit_name, 'Units')
        else 'Reservations'
    end as commitment_unit,
    nullif(concat_ws(
        ',',
        case when is_usage and known_list_cost is null then 'ListCost' end,
        case when is_usage and known_contracted_cost is null then 'ContractedCost' end,
        -- Without an amortised bill nothing says which usage a fee covers: it stays where it was billed.
        case when x_rule = 'unamortized_purchase' and cost <> 0 then 'EffectiveCost' end,
        case when x_rule = 'covered_usage' and not is_amortized_side and cost = 0 then 'EffectiveCost' end,
        -- Without an actual bill nothing says what was invoiced for it.
        case when x_rule in ('covered_usage', 'unused_commitment') and not is_amortized_side and cost <> 0 then 'BilledCost' end
    ), '') as source_gaps
from priced
