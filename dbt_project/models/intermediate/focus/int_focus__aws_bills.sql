{{ config(materialized='table') }}
{%- set lump_sums = "line_item_type in ('Fee', 'FlatRateSubscription', 'SavingsPlanUpfrontFee', 'Tax', 'Credit', 'Refund')" %}
-- Which cost columns of a CUR the ledger reads: the net ones for all of a delivery, or the unblended ones for all of it.
-- Grain: source × billing period. AWS writes net columns for payers with private discounts. The discounts then also stand
-- as lines of their own (a bill must add up to the same, to a cent, with either set), or, without "manual discount
-- compatibility", in the discount columns only (the net columns alone are the bill). Where the net columns are not whole,
-- or the discount lines do not explain them, the bill is read unblended.
with

line_items as (
    select
        *,
        coalesce(lower(line_item_type) like '%discount', false) as is_discount
    from {{ ref('stg_aws__cur_line_items') }}
),

bills as (
    select
        x_source,
        x_billing_period,
        payer_account_id,
        currency,
        bool_or(net_unblended_cost <> 0) as has_net_costs,
        bool_or(is_discount and unblended_cost <> 0) as has_discount_lines,
        bool_or(total_discount <> 0) as has_discount_columns,
        bool_or(coalesce(savings_plan_effective_cost, savings_plan_total_commitment) is not null) as has_plan_costs,
        bool_or(coalesce(reservation_effective_cost, reservation_unused_upfront, reservation_unused_recurring_fee) is not null)
            as has_reservation_costs,
        -- A commitment's net cost is one set with its net fee.
        bool_and(case
            when unblended_cost <> 0 and net_unblended_cost is null and not {{ lump_sums }} and not is_discount then false
            when line_item_type = 'SavingsPlanCoveredUsage'
                then net_savings_plan_effective_cost is not null or savings_plan_effective_cost is null
            when line_item_type = 'DiscountedUsage'
                then net_reservation_effective_cost is not null or reservation_effective_cost is null
            when line_item_type = 'SavingsPlanRecurringFee'
                then coalesce(net_savings_plan_recurring, net_savings_plan_upfront) is not null
                    or savings_plan_total_commitment is null
            when line_item_type = 'RIFee'
                then coalesce(reservation_unused_upfront, 0) = 0 and coalesce(reservation_unused_recurring_fee, 0) = 0
                    or coalesce(net_reservation_unused_upfront, net_reservation_unused_recurring_fee) is not null
            else true
        end) as is_net_whole,
        abs(sum(unblended_cost) - sum(coalesce(cost_after_discounts, unblended_cost))) as difference
    from line_items
    group by x_source, x_billing_period, payer_account_id, currency
)

select
    x_source,
    x_billing_period,
    case
        when not coalesce(bool_or(has_net_costs), false) or not bool_and(is_net_whole) then 'unblended'
        when bool_or(has_discount_lines and difference > 0.01) then 'unblended'
        else 'net'
    end as cost_columns,
    -- Discounts that the unblended columns do not know, and no line takes off.
    coalesce(bool_or(has_discount_columns and not has_discount_lines), false) as has_discounts_in_columns_only,
    coalesce(bool_or(has_plan_costs), false) as has_plan_costs,
    coalesce(bool_or(has_reservation_costs), false) as has_reservation_costs
from bills
group by x_source, x_billing_period
