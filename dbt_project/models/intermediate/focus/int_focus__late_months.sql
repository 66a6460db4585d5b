{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{% if is_incremental() %}delete from {{ this }} where x_delivery_version not in (select d.delivery_version from {{ ref('stg_finops__deliveries') }} as d){% endif %}"
) }}
-- Months of use before its own that a delivery's covered usage is of: what that usage costs may depend on their fees. Only Google
-- Cloud's bills have such usage.
-- Grain: delivery × month of use; one row without a month where it has none, so that each delivery is looked through once.
with

deliveries as (
    select
        *,
        {{ to_utc(first_of_month('billing_period'), 'America/Los_Angeles') }} as starts_at
    from {{ ref('stg_finops__deliveries') }}
    where
        dataset = 'billing_export'
        {% if is_incremental() -%}
            and delivery_version not in (select this.x_delivery_version from {{ this }} as this)
        {%- endif %}
),

late as (
    select distinct
        deliveries.delivery_version,
        {{ month_of(from_utc('lines.usage_start_time', 'America/Los_Angeles')) }} as usage_period
    from {{ landed('billing_export') }} as lines
    inner join deliveries
        on
            lines.x_delivery_id = deliveries.delivery_id
            and lines.x_source = deliveries.x_source
            and lines.x_billing_period = deliveries.billing_period
    where
        lines.usage_start_time < deliveries.starts_at
        and {{ commitment_credit() }} < 0
)

select
    deliveries.delivery_version as x_delivery_version,
    late.usage_period
from deliveries
left join late on deliveries.delivery_version = late.delivery_version
