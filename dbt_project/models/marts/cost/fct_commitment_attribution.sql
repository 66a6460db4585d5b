-- Who would have what of commitments if each served its own accounts first (commitment_scopes.csv): beside what the bill
-- says, so nothing of it is added to the ledger. Grain: day × pool × account × tags × component.
-- Components are laid out on their own and keep their sums, to the last decimal: discounts first to the scopes for what
-- they are served, then to what is left of everyone's usage; sustained use discounts to usage without a commitment; the fee
-- by committed quantity (fee_paid_by scope), or also to those whom the rest of the discount reaches (users).
with

served as (
    select
        *,
        usage_hours - served_hours as unserved_hours,
        cast(sum(served_hours) over pool as decimal(28, 12)) as pool_served,
        cast(sum(usage_hours - served_hours) over pool as decimal(28, 12)) as pool_unserved,
        cast(sum(covered_hours) over pool as decimal(28, 12)) as pool_covered,
        cast(sum(commitment_credit) over pool as decimal(28, 12)) as pool_credit,
        cast(sum(sustained_credit) over pool as decimal(28, 12)) as pool_sustained
    from {{ ref('int_attribution__served') }}
    window pool as (partition by pool_id)
),

-- Hours that discounts pay for: of the scopes' served usage first, then of the rest.
split as (
    select
        *,
        least(pool_covered, pool_served) as covered_in_scopes,
        pool_covered - least(pool_covered, pool_served) as covered_beyond
    from served
),

shares as (
    select
        *,
        case when pool_covered > 0 then {{ part_of('pool_credit', 'covered_in_scopes', 'pool_covered') }} else 0 end as scope_credit,
        case
            when fee_paid_by = 'users' and committed_hours > 0 and pool_unserved > 0
                then {{ part_of('pool_fee', 'least(covered_beyond, committed_hours)', 'committed_hours') }}
            else 0
        end as users_fee,
        greatest(
            usage_hours
            - case when pool_served > 0 then {{ part_of('served_hours', 'covered_in_scopes', 'pool_served') }} else 0 end
            - case when pool_unserved > 0 then {{ price_times(unit_price('covered_beyond', 'pool_unserved'), 'unserved_hours') }} else 0 end,
            0
        ) as uncovered_hours
    from split
),

layers as (
    select shares.*, 'commitment_credit' as component, 1 as layer, scope_credit as layer_amount, served_hours as weight,
        commitment_credit as billed_amount from shares
    union all
    select shares.*, 'commitment_credit' as component, 2 as layer, pool_credit - scope_credit as layer_amount,
        unserved_hours as weight, commitment_credit as billed_amount from shares
    union all
    select shares.*, 'commitment_fee' as component, 1 as layer, pool_fee - users_fee as layer_amount, fee_weight as weight,
        commitment_fee as billed_amount from shares
    union all
    select shares.*, 'commitment_fee' as component, 2 as layer, users_fee as layer_amount, unserved_hours as weight,
        commitment_fee as billed_amount from shares
    union all
    select shares.*, 'sustained_use_credit' as component, 1 as layer, pool_sustained as layer_amount,
        uncovered_hours as weight, sustained_credit as billed_amount from shares
),

-- Where nobody has a weight, the amount stays where it was billed.
weighted as (
    select
        *,
        cast(case when sum(weight) over layer_of_pool > 0 then greatest(weight, 0) else abs(billed_amount) end as decimal(28, 12))
            as own_weight
    from layers
    where layer_amount <> 0 or (layer = 1 and billed_amount <> 0)
    window layer_of_pool as (partition by pool_id, component, layer)
),

ends as (
    select
        *,
        cast(sum(own_weight) over (
            partition by pool_id, component, layer order by sub_account_id nulls first, tags
        ) as decimal(28, 12)) as weight_to,
        cast(sum(own_weight) over (partition by pool_id, component, layer) as decimal(28, 12)) as weight_total
    from weighted
),

laid as (
    select
        *,
        amount_to - coalesce(lag(amount_to) over (
            partition by pool_id, component, layer order by sub_account_id nulls first, tags
        ), 0) as laid_amount
    from (
        select
            *,
            case when weight_total > 0 then {{ part_of('layer_amount', 'weight_to', 'weight_total') }} else billed_amount end
                as amount_to
        from ends
    ) as running
)

select
    cast(x_source as varchar) as x_source,
    cast(charge_date as date) as charge_date,
    cast(billing_account_id as varchar) as billing_account_id,
    cast(sub_account_id as varchar) as sub_account_id,
    cast(tags as varchar) as tags,
    cast(region as varchar) as region_id,
    cast(resource as varchar) as resource,
    cast(machine_family as varchar) as machine_family,
    cast(currency as varchar) as billing_currency,
    cast(component as varchar) as component,
    cast(max(scope_id) as varchar) as scope_id,
    cast(max(case when layer = 1 then usage_hours else 0 end) as decimal(38, 12)) as usage_hours,
    cast(max(case when layer = 1 then served_hours else 0 end) as decimal(38, 12)) as served_hours,
    cast(any_value(billed_amount) as decimal(28, 12)) as billed_amount,
    cast(sum(laid_amount) as decimal(28, 12)) as attributed_amount,
    cast(sum(laid_amount) - any_value(billed_amount) as decimal(28, 12)) as moved_amount
from laid
group by
    x_source, charge_date, billing_account_id, sub_account_id, tags, region, resource, machine_family, currency, component
