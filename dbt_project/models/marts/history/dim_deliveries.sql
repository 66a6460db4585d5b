-- Every delivery that has landed, and what became of it. Grain: source × billing period × sequence.
with

compared as (
    select x_source, billing_period, to_sequence from {{ ref('int_deliveries__differences') }} where is_pair
)

select
    chain.x_source,
    chain.x_provider as provider,
    chain.dataset,
    chain.billing_period,
    chain.sequence,
    chain.delivery_id,
    chain.previous_delivery_id,
    chain.landed_at,
    chain.delivered_at,
    chain.row_count,
    chain.file_count,
    chain.manifest,
    chain.is_current,
    chain.has_rows,
    -- NULL for the first delivery of a month: there is nothing to compare it with.
    case when chain.previous_sequence is not null then compared.to_sequence is not null end as is_compared
from {{ ref('stg_finops__delivery_chain') }} as chain
left join compared
    on
        chain.x_source = compared.x_source
        and chain.billing_period = compared.billing_period
        and chain.sequence = compared.to_sequence
union all
select
    x_source,
    x_provider as provider,
    dataset,
    billing_period,
    sequence,
    delivery_id,
    previous_delivery_id,
    landed_at,
    delivered_at,
    row_count,
    file_count,
    manifest,
    is_current,
    has_rows,
    cast(null as boolean) as is_compared
from {{ ref('stg_finops__invoice_deliveries') }}
