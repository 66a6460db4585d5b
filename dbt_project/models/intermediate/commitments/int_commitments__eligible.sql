{{ config(materialized='view') }}
-- Usage that commitments cover or could cover, and what of them nothing used. Grain: charge line.
-- Could cover: usage on demand that is priced by time. Spot, storage, transfer, tax and corrections are no commitment's business; nor are
-- the fee of a cluster, virtual desktops, licences, bursts and addresses, which nobody sells commitments for.
{%- set never = ['cluster_hours', 'desktop_hours', 'licence_hours', 'cpu_credits', 'ip_hours', 'ip_idle'] %}
with

charges as (
    select
        *,
        commitment_discount_status in ('Used', 'Unused') and commitment_discount_id is not null as is_committed
    from {{ ref('int_focus__charges') }}
    where charge_category = 'Usage'
),

programs as (
    select * from {{ ref('commitment_programs') }}
),

eligible as (
    select
        charges.*,
        coalesce(
            narrow.program, wide.program, lower(replace(charges.service_category, ' ', '_'))
        ) as program
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
            and kinds.meter_kind in ('{{ never | join("', '") }}')
    where
        charges.is_committed
        or (
            charges.pricing_category = 'Standard'
            and charges.commitment_discount_id is null
            and charges.charge_class is null
            and charges.contracted_cost > 0
            and regexp_matches(lower(charges.pricing_unit), '(hour|hrs|second)')
            and coalesce(narrow.program, wide.program) is not null
            and kinds.meter_kind is null
        )
)

select * from eligible
