-- Which commitments exist, by their owners' list and by the bill, and where the two do not agree. Grain: provider × commitment × source
-- (NULL where no bill names it).
with

newest as (
    select provider, max(charge_date) as last_day
    from {{ ref('fct_daily_costs') }}
    group by provider
),

billed as (
    select
        commitments.provider,
        commitments.x_source,
        commitments.commitment_id,
        commitments.currency,
        max(commitments.commitment_name) as commitment_name,
        max(commitments.commitment_type) as commitment_type,
        max(commitments.billing_account_id) as billing_account_id,
        max(commitments.program) as program,
        min(commitments.charge_date) as first_billed_on,
        max(commitments.charge_date) as last_billed_on,
        max(commitments.payment_option) as payment_option,
        max(commitments.starts_on) as starts_on,
        max(commitments.ends_on) as ends_on,
        max(commitments.term_months) as term_months,
        max(commitments.term_source) as term_source,
        max(terms.billed_end) as billed_end,
        max(terms.commitment_key) as commitment_key,
        {{ money('sum(case when ' ~ days_from('commitments.charge_date', 'newest.last_day') ~ ' < 28 then commitments.commitment_cost end)') }}
            as recent_cost,
        count(case when {{ days_from('commitments.charge_date', 'newest.last_day') }} < 28 then 1 end) as recent_days
    from {{ ref('fct_commitments') }} as commitments
    inner join {{ ref('int_commitments__terms') }} as terms
        on commitments.x_source = terms.x_source and commitments.commitment_id = terms.commitment_id
    inner join newest on commitments.provider = newest.provider
    group by commitments.provider, commitments.x_source, commitments.commitment_id, commitments.currency
),

-- Whether the list of commitments of a provider can be trusted to be whole.
looks as (
    select provider, max(day) as looked_on, min(is_complete) as is_complete
    from (
        select
            usage_source, provider, day,
            min(case when status = 'ok' then 1 else 0 end) as is_complete
        from {{ ref('stg_usage__collection') }}
        where signal in ('commitments', '*')
        group by usage_source, provider, day
        qualify row_number() over (partition by usage_source, provider order by day desc) = 1
    ) as newest_looks
    group by provider
),

together as (
    select
        coalesce(billed.provider, listed.provider) as provider,
        billed.x_source,
        coalesce(billed.commitment_id, listed.commitment_id) as commitment_id,
        billed.commitment_name,
        coalesce(listed.commitment_type, billed.commitment_type) as commitment_type,
        coalesce(billed.program, listed.program) as program,
        coalesce(billed.billing_account_id, listed.account_id) as account_id,
        listed.scope,
        listed.region,
        listed.sku,
        listed.family,
        listed.quantity,
        listed.offering_class,
        coalesce(billed.currency, listed.currency) as currency,
        coalesce(billed.payment_option, listed.payment_option) as payment_option,
        coalesce(billed.term_months, listed.term_months) as term_months,
        coalesce(billed.starts_on, listed.starts_on) as starts_on,
        coalesce(billed.ends_on, listed.ends_on) as ends_on,
        coalesce(billed.term_source, 'inventory') as term_source,
        billed.billed_end,
        listed.ends_on as listed_end,
        billed.first_billed_on,
        billed.last_billed_on,
        listed.listed_on,
        listed.state,
        coalesce(listed.is_listed, false) as is_listed,
        listed.cost_hour as listed_cost_hour,
        {{ unit_price('billed.recent_cost', 'cast(24 * billed.recent_days as decimal(28, 12))') }} as billed_cost_hour,
        newest.last_day as as_of_date,
        looks.looked_on,
        coalesce(looks.is_complete, 0) = 1 as is_list_complete
    from billed
    full outer join {{ ref('int_commitments__listed') }} as listed
        on billed.provider = listed.provider and billed.commitment_key = listed.commitment_key
    left join newest on coalesce(billed.provider, listed.provider) = newest.provider
    left join looks on coalesce(billed.provider, listed.provider) = looks.provider
),

compared as (
    select
        *,
        case
            when ends_on <= as_of_date then 'ended'
            -- A bill lags: what began in its last three days, or later, is not missing yet.
            when x_source is null and (as_of_date is null or starts_on > {{ plus_days('as_of_date', -3) }} or state = 'queued')
                then 'not_billed_yet'
            when x_source is null then 'not_billed'
            when not is_listed and {{ days_from('last_billed_on', 'as_of_date') }} >= 28 then 'ended'
            when not is_listed and is_list_complete and looked_on >= first_billed_on then 'not_listed'
            when not is_listed then 'not_looked_at'
            when abs({{ days_from('billed_end', 'listed_end') }}) > 1 then 'end_differs'
            when abs(billed_cost_hour - listed_cost_hour) > 0.01 * listed_cost_hour then 'cost_differs'
            else 'agrees'
        end as finding
    from together
)

select
    compared.provider,
    compared.x_source,
    compared.commitment_id,
    compared.commitment_name,
    compared.commitment_type,
    compared.program,
    compared.account_id,
    compared.scope,
    compared.region as region_id,
    compared.sku,
    compared.family,
    cast(compared.quantity as decimal(18, 6)) as quantity,
    compared.offering_class,
    compared.currency,
    compared.payment_option,
    cast(compared.term_months as integer) as term_months,
    compared.starts_on,
    compared.ends_on,
    compared.term_source,
    cast({{ days_from('compared.as_of_date', 'compared.ends_on') }} as integer) as days_to_expiry,
    compared.first_billed_on,
    compared.last_billed_on,
    compared.listed_on,
    {{ money('compared.listed_cost_hour') }} as listed_cost_hour,
    {{ money('compared.billed_cost_hour') }} as billed_cost_hour,
    compared.as_of_date,
    compared.finding,
    coalesce(exits.way_out, exits_of_any.way_out) as way_out
from compared
left join {{ ref('commitment_exits') }} as exits
    on compared.commitment_type = exits.commitment_type and lower(compared.offering_class) = exits.offering_class
left join {{ ref('commitment_exits') }} as exits_of_any
    on compared.commitment_type = exits_of_any.commitment_type and exits_of_any.offering_class is null
