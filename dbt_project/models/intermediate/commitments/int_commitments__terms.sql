-- When a commitment begins and ends, and who says so. Grain: source × commitment. A person's word (commitment_terms.csv) comes before
-- the inventory of commitments, and that before the bill; a bill that gives a term and the day of purchase gives the end. Else the end is
-- not known, and never guessed.
with

known as (
    select
        x_source,
        max(x_provider) as provider,
        commitment_discount_id as commitment_id,
        max(commitment_discount_name) as commitment_name,
        max(commitment_discount_type) as commitment_type,
        max(commitment_discount_category) as commitment_category,
        max(x_commitment_order_id) as order_id
    from {{ ref('int_focus__charges') }}
    where commitment_discount_id is not null
    group by x_source, commitment_discount_id
),

-- A purchase may name the commitment itself or only the order it came with.
purchases as (
    select
        x_source,
        commitment_discount_id as commitment_id,
        x_commitment_order_id as order_id,
        min(cast(charge_period_start as date)) as purchased_on
    from {{ ref('int_focus__charges') }}
    where
        commitment_discount_id is not null
        and charge_category = 'Purchase'
        and charge_frequency = 'One-Time'
    group by x_source, commitment_discount_id, x_commitment_order_id
),

purchased as (
    select
        known.x_source,
        known.commitment_id,
        min(purchases.purchased_on) as purchased_on
    from known
    inner join purchases
        on
            known.x_source = purchases.x_source
            and (known.commitment_id = purchases.commitment_id or known.order_id = purchases.order_id)
    group by known.x_source, known.commitment_id
),

-- A list names a commitment by its whole id or by the last part of it.
listed as (
    select known.x_source, known.commitment_id, inventory.* exclude (commitment_id)
    from known
    inner join {{ ref('int_commitments__listed') }} as inventory
        on
            known.provider = inventory.provider
            and lower({{ matched_group('known.commitment_id', "'[^/:]+$'", 0) }}) = inventory.commitment_key
    union
    select known.x_source, known.commitment_id, inventory.* exclude (commitment_id)
    from known
    inner join {{ ref('int_commitments__listed') }} as inventory
        on known.provider = inventory.provider and lower(known.commitment_id) = inventory.commitment_key
),

merged as (
    select
        known.*,
        coalesce(decided.starts_on, listed.starts_on, bills.starts_on, purchased.purchased_on) as starts_on,
        decided.ends_on as decided_end,
        listed.ends_on as listed_end,
        bills.ends_on as billed_end,
        coalesce(decided.term_months, listed.term_months, bills.term_months) as term_months,
        coalesce(decided.payment_option, listed.payment_option, bills.payment_option) as payment_option,
        listed.commitment_key,
        decided.commitment_id is not null as is_decided
    from known
    left join {{ ref('stg_decisions__commitment_terms') }} as decided on known.commitment_id = decided.commitment_id
    left join listed on known.x_source = listed.x_source and known.commitment_id = listed.commitment_id
    left join {{ ref('int_focus__commitment_terms') }} as bills
        on known.x_source = bills.x_source and known.commitment_id = bills.commitment_id
    left join purchased on known.x_source = purchased.x_source and known.commitment_id = purchased.commitment_id
)

select
    x_source,
    commitment_id,
    commitment_name,
    commitment_type,
    commitment_category,
    payment_option,
    starts_on,
    coalesce(decided_end, listed_end, billed_end, {{ plus_months('starts_on', 'term_months') }}) as ends_on,
    -- What the bill alone says, to compare.
    billed_end,
    commitment_key,
    coalesce(
        term_months,
        cast(round({{ days_from('starts_on', 'coalesce(decided_end, listed_end, billed_end)') }} * 12 / 365.0) as integer)
    ) as term_months,
    case
        when is_decided then 'decision'
        when listed_end is not null then 'inventory'
        when billed_end is not null then 'bill'
        when starts_on is not null and term_months is not null then 'purchase'
        else 'unknown'
    end as term_source
from merged
