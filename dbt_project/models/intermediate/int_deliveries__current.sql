-- Deliveries now in landing, and which of them the ledger does not hold yet. Grain: source × billing period.
-- Looks at the ledger's own content, so a run that was killed anywhere is simply finished by the next one.
{%- set ledger = adapter.get_relation(this.database, this.schema, 'int_focus__charges') %}
with

deliveries as (
    select
        *,
        {{ hash_of(['x_source', 'billing_period', 'delivery_id']) }} as delivery_version
    from {{ ref('stg_finops__deliveries') }}
),

built as (
    {% if ledger and not flags.FULL_REFRESH -%}
        select distinct x_delivery_version as delivery_version from {{ ledger }}
    {%- else -%}
        select cast(null as varchar) as delivery_version where false
    {%- endif %}
)

select
    deliveries.*,
    built.delivery_version is null as is_new
from deliveries
left join built on deliveries.delivery_version = built.delivery_version
