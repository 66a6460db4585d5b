-- Usage that commitments cover or could cover, and what of them nothing used; the one pass over the ledger that everything about
-- commitments is made from. Grain: source × billing account × program × commitment × status × period of time × currency.
-- Could cover: usage on demand that is priced by time. Spot, storage, transfer, tax and corrections are no commitment's business.
with

charges as (
    select
        *,
        commitment_discount_status in ('Used', 'Unused') and commitment_discount_id is not null as is_committed
    from {{ ref('int_focus__charges') }}
    where charge_category = 'Usage'
),

programs as (
    select * from {{ ref('commitment_programs') }}
),

eligible as (
    select
        charges.*,
        coalesce(
            narrow.program, wide.program, lower(replace(charges.service_category, ' ', '_'))
        ) as program
    from charges
    left join programs as narrow
        on
            charges.service_category = narrow.service_category
            and charges.service_subcategory = narrow.service_subcategory
    left join programs as wide
        on charges.service_category = wide.service_category and wide.service_subcategory is null
    where
        charges.is_committed
        or (
            charges.pricing_category = 'Standard'
            and charges.commitment_discount_id is null
            and charges.charge_class is null
            and charges.contracted_cost > 0
            and regexp_matches(lower(charges.pricing_unit), '(hour|hrs|second)')
            and coalesce(narrow.program, wide.program) is not null
        )
)

select
    x_source,
    x_provider as provider,
    billing_account_id,
    program,
    case when is_committed then commitment_discount_id end as commitment_id,
    case when is_committed then lower(commitment_discount_status) else 'on_demand' end as status,
    billing_currency as currency,
    charge_period_start as period_start,
    charge_period_end as period_end,
    -- Without its own price, what a commitment covers is worth its list price: an upper bound, and said so.
    max(case when coalesce(x_gaps, '') like '%ContractedCost%' then 1 else 0 end) as is_valued_at_list,
    {{ money('sum(effective_cost)') }} as effective_cost,
    {{ money('sum(contracted_cost)') }} as contracted_cost,
    {{ money('sum(list_cost)') }} as list_cost
from eligible
group by
    x_source, x_provider, billing_account_id, program, is_committed, commitment_discount_id, commitment_discount_status,
    billing_currency, charge_period_start, charge_period_end
