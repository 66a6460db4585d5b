-- depends_on: {{ ref('int_deliveries__current') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_replaced_deliveries() }}"
) }}
-- Which days the usage of each delivery lies in, so that whoever looks at the newest days reads the months that have them and no others.
-- Grain: delivery with usage.
select
    x_source,
    x_billing_period,
    x_delivery_version,
    min(cast(charge_period_start as date)) as first_day,
    max(cast(charge_period_start as date)) as last_day
from {{ ref('int_focus__charges') }}
where charge_category = 'Usage' and {{ of_new_deliveries() }}
group by x_source, x_billing_period, x_delivery_version
