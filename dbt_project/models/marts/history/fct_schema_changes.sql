-- Columns that came, went or changed type between consecutive deliveries of a source. Grain: delivery × column.
-- A delivery follows the previous one of its month; the first of a month follows the newest of the month before it.
with

columns as (
    select * from {{ ref('stg_finops__delivery_columns') }}
),

deliveries as (
    select chain.*
    from {{ ref('stg_finops__delivery_chain') }} as chain
    -- Empty deliveries, and those landed before columns were recorded, say nothing about columns.
    where
        exists (
            select 1 from columns
            where
                columns.x_source = chain.x_source
                and columns.billing_period = chain.billing_period
                and columns.sequence = chain.sequence
        )
),

followed as (
    select
        deliveries.x_source,
        deliveries.billing_period,
        deliveries.sequence,
        deliveries.delivery_id,
        deliveries.landed_at,
        earlier.billing_period as previous_billing_period,
        earlier.sequence as earlier_sequence,
        earlier.delivery_id as previous_delivery_id
    from deliveries
    inner join deliveries as earlier
        on
            deliveries.x_source = earlier.x_source
            and (
                (deliveries.billing_period = earlier.billing_period and earlier.sequence < deliveries.sequence)
                or (earlier.billing_period < deliveries.billing_period and earlier.landed_at <= deliveries.landed_at)
            )
    qualify row_number() over (
        partition by deliveries.x_source, deliveries.billing_period, deliveries.sequence
        order by earlier.billing_period desc, earlier.sequence desc
    ) = 1
),

sides as (
    select
        followed.*,
        columns.column_name,
        columns.source_name,
        columns.is_contract,
        cast(null as varchar) as type_before,
        columns.column_type as type_after
    from followed
    inner join columns
        on
            followed.x_source = columns.x_source
            and followed.billing_period = columns.billing_period
            and followed.sequence = columns.sequence
    union all
    select
        followed.*,
        columns.column_name,
        columns.source_name,
        columns.is_contract,
        columns.column_type as type_before,
        cast(null as varchar) as type_after
    from followed
    inner join columns
        on
            followed.x_source = columns.x_source
            and followed.previous_billing_period = columns.billing_period
            and followed.earlier_sequence = columns.sequence
),

changes as (
    select
        x_source,
        billing_period,
        sequence,
        delivery_id,
        previous_billing_period,
        previous_delivery_id,
        landed_at,
        column_name,
        max(source_name) as source_name,
        max(type_before) as type_before,
        max(type_after) as type_after,
        bool_or(is_contract) as is_contract
    from sides
    group by
        x_source, billing_period, sequence, delivery_id, previous_billing_period, previous_delivery_id, landed_at,
        column_name
    having max(type_before) is distinct from max(type_after)
)

select
    *,
    case when type_before is null then 'came' when type_after is null then 'went' else 'retyped' end as change,
    case when is_contract and type_after is null then 'warning' else 'info' end as severity
from changes
