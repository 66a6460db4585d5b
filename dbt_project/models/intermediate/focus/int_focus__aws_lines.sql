{%- set sold_usage = "x_rule in ('usage', 'covered_by_savings_plan', 'covered_by_reservation')" %}
{#- Written into the query at each of its three uses: DuckDB keeps in memory what a CTE gives twice, also where a view forbids
    it (1.5), and a year's lines at their full width are more than a build may take. -#}
{%- set line_items %}
    (
        select
            items.*,
            bills.cost_columns,
            bills.has_discounts_in_columns_only,
            bills.has_plan_costs,
            bills.has_reservation_costs,
            bills.cost_columns = 'net' as is_net,
            case bills.cost_columns when 'net' then coalesce(items.cost_after_discounts, items.unblended_cost) else items.unblended_cost end
                as cost,
            -- Reports without resource ids have a reservation's subscription and no ARN.
            coalesce(items.reservation_arn, case
                when items.line_item_type in ('DiscountedUsage', 'RIFee')
                    or items.line_item_type = 'Fee' and (
                        items.description like 'Sign up charge for subscription%' or items.usage_type like '%HeavyUsage%'
                    ) then items.reservation_subscription_id
            end) as reservation_id
        from {{ ref('stg_aws__cur_line_items') }} as items
        inner join {{ ref('int_focus__aws_bills') }} as bills
            on items.x_source = bills.x_source and items.x_billing_period = bills.x_billing_period
    ) as line_items
{%- endset %}
-- AWS line items with what each is and its four costs, all of one set of cost columns. Grain: one row per line item, plus
-- one per unused part of a commitment's fee and one per account and service whose negation does not cancel.
with

charges as (
    select
        *,
        coalesce(savings_plan_arn, reservation_id) as commitment_id,
        case when is_net then net_savings_plan_effective_cost else savings_plan_effective_cost end as plan_cost_of_usage,
        case when is_net then net_reservation_effective_cost else reservation_effective_cost end as reservation_cost_of_usage,
        case line_item_type
            when 'SavingsPlanRecurringFee' then case
                when not is_net or savings_plan_total_commitment = savings_plan_used_commitment
                    then savings_plan_total_commitment - savings_plan_used_commitment
                -- There is no net commitment to date: the unused part is discounted like the fee.
                else {{ money(
                    'cast(savings_plan_total_commitment - savings_plan_used_commitment as decimal(22, 10)) * cast('
                    ~ unit_price(
                        'coalesce(net_savings_plan_recurring, 0) + coalesce(net_savings_plan_upfront, 0)',
                        'coalesce(savings_plan_recurring, 0) + coalesce(savings_plan_upfront, 0)'
                    ) ~ ' as decimal(13, 12))'
                ) }}
            end
            when 'RIFee' then case
                when not has_reservation_costs then null
                when is_net then coalesce(net_reservation_unused_upfront, 0) + coalesce(net_reservation_unused_recurring_fee, 0)
                else coalesce(reservation_unused_upfront, 0) + coalesce(reservation_unused_recurring_fee, 0)
            end
        end as unused_cost,
        case
            when line_item_type = 'SavingsPlanCoveredUsage' then 'covered_by_savings_plan'
            when line_item_type = 'DiscountedUsage' then 'covered_by_reservation'
            when line_item_type in ('SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee', 'RIFee') then 'commitment_fee'
            when line_item_type = 'Fee' and reservation_id is not null then 'commitment_fee'
            when line_item_type in ('Fee', 'FlatRateSubscription') then 'fee'
            when line_item_type = 'Tax' then 'tax'
            when line_item_type = 'Credit' then 'credit'
            when line_item_type = 'Refund' then case
                when description like 'Refund for one-time fee for Savings Plan%' then 'commitment_fee'
                when coalesce(savings_plan_arn, reservation_id) is null and usage_type is not null then 'usage'
                else 'refund'
            end
            when line_item_type = 'Usage' then 'usage'
            else 'discount'
        end as x_rule
    from {{ line_items }}
    -- AWS takes the on-demand price of covered usage back in a second row. In FOCUS that usage was never billed.
    where line_item_type is distinct from 'SavingsPlanNegation'
),

-- A fee whose use the export does not tell stays where it was billed.
spread as (
    select
        *,
        x_rule = 'commitment_fee' and case
            when line_item_type in ('SavingsPlanRecurringFee', 'RIFee') then unused_cost is not null
            when savings_plan_arn is not null or line_item_type in ('SavingsPlanUpfrontFee', 'Refund') then has_plan_costs
            else has_reservation_costs
        end as is_spread,
        -- The price list's cost is empty or 0 for some products that do cost something.
        case
            when line_item_type = 'Refund' then cost
            when public_on_demand_cost <> 0 then public_on_demand_cost
            when public_on_demand_rate > 0 and usage_amount > 0 then {{ price_times('public_on_demand_rate', 'usage_amount') }}
            when public_on_demand_cost = 0 and unblended_cost = 0
                and coalesce(plan_cost_of_usage, reservation_cost_of_usage, 0) = 0 then 0
        end as public_cost,
        coalesce(x_rule = 'commitment_fee' and unused_cost <> 0, false) as has_unused_part
    from charges
),

parts as (
    select false as has_unused_part, false as is_unused_part
    union all
    select true, false
    union all
    select true, true
),

-- A join repeats the fees that have an unused part; reading the lines a second time for them costs as much as the first.
parted as (
    select
        spread.* exclude (has_unused_part, x_rule),
        case when parts.is_unused_part then 'unused_commitment' else spread.x_rule end as x_rule
    from spread
    inner join parts on spread.has_unused_part = parts.has_unused_part
),

charge_rows as (
    select
        * exclude (public_cost, is_spread, unused_cost),
        case when x_rule in ('covered_by_savings_plan', 'unused_commitment') then 0 else cost end as billed_cost,
        case x_rule
            when 'covered_by_savings_plan' then coalesce(plan_cost_of_usage, 0)
            when 'covered_by_reservation' then coalesce(reservation_cost_of_usage, cost)
            when 'commitment_fee' then case when is_spread then 0 else cost end
            when 'unused_commitment' then unused_cost
            else cost
        end as effective_cost,
        case
            when x_rule = 'unused_commitment' then 0
            when not {{ sold_usage }} then cost
            when public_cost is not null then public_cost
            when x_rule = 'covered_by_savings_plan' then unblended_cost
            when x_rule = 'covered_by_reservation' then coalesce(reservation_cost_of_usage, cost)
            else cost
        end as list_cost,
        case
            when x_rule = 'unused_commitment' then 0
            when x_rule = 'covered_by_savings_plan' and cost <> 0 then cost
            when x_rule = 'covered_by_savings_plan' then unblended_cost
            when x_rule = 'covered_by_reservation' then coalesce(public_cost, reservation_cost_of_usage, cost)
            else cost
        end as contracted_cost,
        case
            when savings_plan_arn is not null then case x_rule
                when 'commitment_fee' then cost
                when 'unused_commitment' then unused_cost
                else plan_cost_of_usage
            end
            when x_rule = 'unused_commitment' and reservation_unused_normalized_quantity > 0
                then reservation_unused_normalized_quantity
            when x_rule = 'unused_commitment' then reservation_unused_quantity
            when x_rule = 'commitment_fee' and reservation_total_normalized_units > 0 then reservation_total_normalized_units
            when x_rule = 'covered_by_reservation' and normalized_usage_amount > 0 then normalized_usage_amount
            else usage_amount
        end as commitment_quantity,
        case
            when savings_plan_arn is not null then currency
            when x_rule = 'unused_commitment' and reservation_unused_normalized_quantity > 0 then 'Normalized Hours'
            when x_rule = 'commitment_fee' and reservation_total_normalized_units > 0 then 'Normalized Hours'
            when x_rule = 'covered_by_reservation' and normalized_usage_amount > 0 then 'Normalized Hours'
            else 'Hours'
        end as commitment_unit,
        case when x_rule = 'unused_commitment' then 'Unused' end as commitment_status,
        nullif(concat_ws(
            ',',
            case when {{ sold_usage }} and public_cost is null then 'ListCost' end,
            -- What a reserved hour would have cost at the negotiated price, no CUR tells.
            case
                when x_rule = 'covered_by_reservation' then 'ContractedCost'
                when x_rule = 'covered_by_savings_plan' and is_net and cost = 0 and unblended_cost <> 0 then 'ContractedCost'
            end,
            case
                when x_rule = 'covered_by_savings_plan' and plan_cost_of_usage is null then 'EffectiveCost'
                when x_rule = 'covered_by_reservation' and reservation_cost_of_usage is null then 'EffectiveCost'
                when x_rule = 'commitment_fee' and not is_spread and cost <> 0 then 'EffectiveCost'
            end,
            case
                when x_rule in ('covered_by_savings_plan', 'covered_by_reservation', 'commitment_fee', 'unused_commitment')
                    and commitment_id is null then 'CommitmentDiscountId'
            end,
            -- Covered, and billed all the same: an older kind of reservation. Or discounted, and the discount is in no cost.
            case
                when x_rule = 'unused_commitment' then null
                when x_rule = 'covered_by_reservation' and cost <> 0 then 'BilledCost'
                when not is_net and has_discounts_in_columns_only and total_discount <> 0 then 'BilledCost'
            end
        ), '') as source_gaps
    from parted
),

negation_rest as (
    -- Covered usage and its negation must cancel out. What does not is kept as an adjustment: nothing billed is lost.
    select
        x_source,
        x_billing_period,
        usage_account_id,
        product_code,
        currency,
        sum(cost) as rest
    from {{ line_items }}
    where line_item_type in ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')
    group by x_source, x_billing_period, usage_account_id, product_code, currency
    having sum(cost) <> 0
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
    from {{ line_items }}
    inner join negation_rest
        on
            line_items.x_source = negation_rest.x_source
            and line_items.x_billing_period = negation_rest.x_billing_period
            and line_items.usage_account_id is not distinct from negation_rest.usage_account_id
            and line_items.product_code is not distinct from negation_rest.product_code
            and line_items.currency is not distinct from negation_rest.currency
    where line_items.line_item_type in ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')
    qualify row_number() over (
        partition by
            line_items.x_source, line_items.x_billing_period, line_items.usage_account_id,
            line_items.product_code, line_items.currency
        order by line_items.x_source_file, line_items.x_source_row
    ) = 1
)

select * from charge_rows
union all by name
select * from negation_rows
