-- Commitments as their owners list them: the newest row of each. Grain: provider × commitment, by the last part of its id, which bills
-- and inventories write alike. Two that share it (projects may name alike) are told apart by their whole id only.
with

days as (
    select
        *,
        lower({{ matched_group('commitment_id', "'[^/:]+$'", 0) }}) as short_id
    from {{ ref('stg_usage__commitments') }}
),

newest as (
    select *
    from days
    qualify row_number() over (partition by provider, lower(commitment_id) order by day desc, usage_source asc) = 1
),

-- The last day on which commitments were asked for, and whether every place answered.
looked_at as (
    select usage_source, provider, day, min(case when status = 'ok' then 1 else 0 end) as is_complete
    from {{ ref('stg_usage__collection') }}
    where signal in ('commitments', '*')
    group by usage_source, provider, day
    qualify row_number() over (partition by usage_source, provider order by day desc) = 1
)

select
    newest.provider,
    case when count(*) over (partition by newest.provider, newest.short_id) = 1 then newest.short_id else lower(newest.commitment_id) end
        as commitment_key,
    newest.usage_source,
    newest.commitment_id,
    newest.commitment_type,
    newest.offering_class,
    newest.scope,
    newest.account_id,
    newest.region,
    newest.sku,
    coalesce(newest.family, {{ matched_group('newest.sku', "'^(.+)[.][^.]+$'", 1) }}) as family,
    newest.quantity,
    cast(newest.term_months as integer) as term_months,
    newest.payment_option,
    cast(newest.start_at as date) as starts_on,
    cast(newest.end_at as date) as ends_on,
    newest.currency,
    newest.state,
    -- Amortised: what a plan commits an hour, else what is paid an hour and the upfront payment over the hours of its term.
    cast(coalesce(
        newest.hourly_commitment,
        newest.recurring_cost_hourly
        + coalesce({{ unit_price('newest.upfront_cost', 'cast(newest.term_months * 730 as decimal(28, 12))') }}, 0)
    ) as decimal(28, 12)) as cost_hour,
    newest.day as listed_on,
    newest.day >= coalesce(looked_at.day, newest.day) as is_listed,
    case
        when lower(newest.scope) like '%sagemaker%' then 'machine_learning'
        when
            lower(newest.scope) like '%database%' or lower(newest.scope) like '%sql%' or lower(newest.sku) like 'db.%'
            or lower(newest.sku) like 'cache.%' then 'databases'
        else 'compute'
    end as program
from newest
left join looked_at on newest.usage_source = looked_at.usage_source and newest.provider = looked_at.provider
