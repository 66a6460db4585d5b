-- depends_on: {{ ref('int_deliveries__current') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_replaced_and_new_deliveries() }}"
) }}
-- What the lines of a bill say of a commitment's term. Grain: delivery × commitment × statement.
-- Kept beside the ledger: the provider's lines are there only while their delivery is new.
with

stated as (
    select
        x_source,
        x_billing_period,
        x_delivery_version,
        coalesce(savings_plan_arn, reservation_arn) as commitment_id,
        {{ date_in('commitment_start_text') }} as starts_on,
        {{ date_in('commitment_end_text') }} as ends_on,
        {{ months_in('commitment_term_text') }} as term_months,
        commitment_payment_option as payment_option
    from {{ ref('stg_aws__cur_line_items') }}
    where coalesce(savings_plan_arn, reservation_arn) is not null

    union all

    select
        x_source,
        x_billing_period,
        x_delivery_version,
        lower(coalesce(
            benefit_id,
            '/providers/microsoft.capacity/reservationorders/' || product_order_id || '/reservations/' || reservation_id,
            reservation_id,
            product_order_id
        )) as commitment_id,
        cast(null as date) as starts_on,
        cast(null as date) as ends_on,
        {{ months_in('commitment_term_text') }} as term_months,
        cast(null as varchar) as payment_option
    from {{ ref('stg_azure__cost_details') }}
    where commitment_term_text is not null
)

select distinct x_source, x_billing_period, x_delivery_version, commitment_id, starts_on, ends_on, term_months, payment_option
from stated
where commitment_id is not null
