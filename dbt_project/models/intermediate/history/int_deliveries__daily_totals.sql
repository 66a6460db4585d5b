-- depends_on: {{ ref('int_deliveries__current') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    full_refresh=false,
    pre_hook="{{ delete_outdated_daily_totals() }}"
) }}
-- What each delivery said a day cost: taken from the ledger when it is built, kept when the delivery is replaced.
-- Grain: delivery × day × account × service × currency. A delivery has its own version here, whatever it takes from others.
-- Append only, so restatements cost what changed.
with

deliveries as (
    select delivery_version, ledger_version
    from {{ ref('int_deliveries__current') }}
    {% if is_incremental() -%}
        where delivery_version not in (select t.x_delivery_version from {{ this }} as t)
    {%- endif %}
),

ledger as (
    select
        deliveries.delivery_version as x_delivery_version,
        charges.x_source,
        charges.x_billing_period as billing_period,
        cast(charges.charge_period_start as date) as charge_date,
        charges.billing_account_id,
        sub_account_id,
        service_name,
        billing_currency,
        count(*) as charge_lines,
        {{ money('sum(billed_cost)') }} as billed_cost,
        {{ money('sum(effective_cost)') }} as effective_cost,
        cast('{{ var("models_version") }}' as varchar) as models_version
    from {{ ref('int_focus__charges') }} as charges
    inner join deliveries on charges.x_delivery_version = deliveries.ledger_version
    -- As in of_new_deliveries.
    where charges.x_delivery_version in (select d.ledger_version from deliveries as d)
    group by all
),

kept as (
    select
        x_delivery_version,
        x_source,
        billing_period,
        charge_date,
        billing_account_id,
        sub_account_id,
        service_name,
        billing_currency,
        charge_lines,
        billed_cost,
        effective_cost,
        models_version
    from {{ ref('stg_finops__kept_totals') }}
    where
        x_delivery_version not in (select d.delivery_version from {{ ref('int_deliveries__current') }} as d)
        {% if is_incremental() -%}
            and x_delivery_version not in (select t.x_delivery_version from {{ this }} as t)
        {%- endif %}
)

select * from ledger
union all
select * from kept
