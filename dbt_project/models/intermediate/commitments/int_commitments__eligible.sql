-- depends_on: {{ ref('int_deliveries__current') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_replaced_deliveries() }}"
) }}
-- Usage that commitments cover or could cover, and what of them nothing used; the one pass over the ledger that everything about
-- commitments is made from. Grain: charge line.
-- Could cover: usage on demand that is priced by time. Spot, storage, transfer, tax and corrections are no commitment's business; nor are
-- the fee of a cluster, virtual desktops, licences, bursts and addresses, which nobody sells commitments for.
{%- set never = ['cluster_hours', 'desktop_hours', 'licence_hours', 'cpu_credits', 'ip_hours', 'ip_idle'] %}
with

charges as (
    select
        *,
        commitment_discount_status in ('Used', 'Unused') and commitment_discount_id is not null as is_committed
    from {{ ref('int_focus__charges') }}
    where charge_category = 'Usage' and {{ of_new_deliveries() }}
),

programs as (
    select * from {{ ref('commitment_programs') }}
)

select
    charges.x_source,
    charges.x_billing_period,
    charges.x_delivery_version,
    charges.x_provider,
    charges.billing_account_id,
    coalesce(narrow.program, wide.program, lower(replace(charges.service_category, ' ', '_'))) as program,
    charges.is_committed,
    charges.commitment_discount_id,
    charges.commitment_discount_status,
    charges.service_name,
    charges.region_id,
    lower(charges.resource_id) as resource_key,
    charges.tags,
    kinds.meter_kind,
    kinds.meter_sku,
    charges.billing_currency,
    charges.charge_period_start,
    charges.charge_period_end,
    -- Without its own price, what a commitment covers is worth its list price: an upper bound, and said so.
    case when coalesce(charges.x_gaps, '') like '%ContractedCost%' then 1 else 0 end as is_valued_at_list,
    charges.effective_cost,
    charges.contracted_cost,
    charges.list_cost
from charges
left join programs as narrow
    on
        charges.service_category = narrow.service_category
        and charges.service_subcategory = narrow.service_subcategory
left join programs as wide
    on charges.service_category = wide.service_category and wide.service_subcategory is null
left join {{ ref('int_optimization__meter_kinds') }} as kinds
    on
        {{ is_kind_of('kinds', 'charges') }}
where
    charges.is_committed
    or (
        charges.pricing_category = 'Standard'
        and charges.commitment_discount_id is null
        and charges.charge_class is null
        and charges.contracted_cost > 0
        and regexp_matches(lower(charges.pricing_unit), '(hour|hrs|second)')
        and coalesce(narrow.program, wide.program) is not null
        and coalesce(kinds.meter_kind, '') not in ('{{ never | join("', '") }}')
    )
