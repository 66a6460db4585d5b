{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    full_refresh=false
) }}
-- Consecutive deliveries of a month, compared once: a compared pair is never computed again, also when the models change.
-- Grain: pair × day × account × service × currency that differs, and one row per pair that says it was compared.
with

pairs as (
    select chain.*
    from {{ ref('stg_finops__delivery_chain') }} as chain
    {% if is_incremental() -%}
        left join (
            select d.x_source, d.billing_period, d.from_sequence, d.to_sequence from {{ this }} as d where d.is_pair
        ) as compared
            on
                chain.x_source = compared.x_source
                and chain.billing_period = compared.billing_period
                and chain.previous_sequence = compared.from_sequence
                and chain.sequence = compared.to_sequence
    {%- endif %}
    where
        chain.previous_sequence is not null
        {% if is_incremental() %} and compared.to_sequence is null{% endif %}
),

totals as (
    select * from {{ ref('int_deliveries__daily_totals') }}
),

known as (
    select distinct x_delivery_version from totals
),

-- A delivery whose rows and totals are both gone can not be compared; dim_deliveries shows it as not compared.
comparable as (
    select pairs.*
    from pairs
    left join known as after_known on pairs.delivery_version = after_known.x_delivery_version
    left join known as before_known on pairs.previous_version = before_known.x_delivery_version
    where
        (pairs.row_count = 0 or after_known.x_delivery_version is not null)
        and (pairs.previous_row_count = 0 or before_known.x_delivery_version is not null)
),

sides as (
    select
        comparable.x_source, comparable.billing_period, comparable.previous_sequence, comparable.sequence,
        totals.charge_date, totals.billing_account_id, totals.sub_account_id, totals.service_name,
        totals.billing_currency,
        totals.charge_lines as lines_before,
        totals.billed_cost as billed_before,
        totals.effective_cost as effective_before,
        cast(0 as bigint) as lines_after,
        {{ money('0') }} as billed_after,
        {{ money('0') }} as effective_after
    from comparable
    inner join totals on comparable.previous_version = totals.x_delivery_version
    union all
    select
        comparable.x_source, comparable.billing_period, comparable.previous_sequence, comparable.sequence,
        totals.charge_date, totals.billing_account_id, totals.sub_account_id, totals.service_name,
        totals.billing_currency,
        cast(0 as bigint) as lines_before,
        {{ money('0') }} as billed_before,
        {{ money('0') }} as effective_before,
        totals.charge_lines as lines_after,
        totals.billed_cost as billed_after,
        totals.effective_cost as effective_after
    from comparable
    inner join totals on comparable.delivery_version = totals.x_delivery_version
),

compared as (
    select
        x_source, billing_period, previous_sequence, sequence,
        charge_date, billing_account_id, sub_account_id, service_name, billing_currency,
        cast(sum(lines_before) as bigint) as lines_before,
        cast(sum(lines_after) as bigint) as lines_after,
        {{ money('sum(billed_before)') }} as billed_before,
        {{ money('sum(billed_after)') }} as billed_after,
        {{ money('sum(effective_before)') }} as effective_before,
        {{ money('sum(effective_after)') }} as effective_after
    from sides
    group by
        x_source, billing_period, previous_sequence, sequence,
        charge_date, billing_account_id, sub_account_id, service_name, billing_currency
    having sum(billed_before) <> sum(billed_after) or sum(effective_before) <> sum(effective_after)
)

select
    comparable.x_source,
    comparable.x_provider,
    comparable.billing_period,
    comparable.previous_sequence as from_sequence,
    comparable.sequence as to_sequence,
    comparable.previous_delivery_id as from_delivery_id,
    comparable.delivery_id as to_delivery_id,
    comparable.landed_at,
    comparable.delivered_at,
    cast(false as boolean) as is_pair,
    compared.charge_date,
    compared.billing_account_id,
    compared.sub_account_id,
    compared.service_name,
    compared.billing_currency,
    compared.lines_before,
    compared.lines_after,
    compared.billed_before,
    compared.billed_after,
    compared.effective_before,
    compared.effective_after
from compared
inner join comparable
    on
        compared.x_source = comparable.x_source
        and compared.billing_period = comparable.billing_period
        and compared.previous_sequence = comparable.previous_sequence
        and compared.sequence = comparable.sequence
union all
select
    x_source,
    x_provider,
    billing_period,
    previous_sequence as from_sequence,
    sequence as to_sequence,
    previous_delivery_id as from_delivery_id,
    delivery_id as to_delivery_id,
    landed_at,
    delivered_at,
    cast(true as boolean) as is_pair,
    cast(null as date) as charge_date,
    cast(null as varchar) as billing_account_id,
    cast(null as varchar) as sub_account_id,
    cast(null as varchar) as service_name,
    cast(null as varchar) as billing_currency,
    cast(null as bigint) as lines_before,
    cast(null as bigint) as lines_after,
    cast(null as decimal(28, 12)) as billed_before,
    cast(null as decimal(28, 12)) as billed_after,
    cast(null as decimal(28, 12)) as effective_before,
    cast(null as decimal(28, 12)) as effective_after
from comparable
