-- Deliveries now in landing, and which of them the ledger does not hold yet. Grain: source × billing period.
-- Looks at the ledger's own content, so a run that was killed anywhere is simply finished by the next one.
-- `ledger_version` is the delivery and what its rows in the ledger take from other deliveries: usage that a late invoice
-- brings is paid by the fees of its own month, so it is computed anew when that month is delivered anew.
{%- set ledger = adapter.get_relation(this.database, this.schema, 'int_focus__charges') %}
with

deliveries as (
    select * from {{ ref('stg_finops__deliveries') }}
),

fees as (
    select
        deliveries.delivery_version,
        string_agg(concat_ws('/', late.usage_period, coalesce(earlier.delivery_id, '')), '|' order by late.usage_period)
            as fee_deliveries
    from {{ ref('int_focus__late_months') }} as late
    inner join deliveries on late.x_delivery_version = deliveries.delivery_version
    left join deliveries as earlier
        on deliveries.x_source = earlier.x_source and late.usage_period = earlier.billing_period
    where late.usage_period is not null
    group by deliveries.delivery_version
),

versions as (
    select
        deliveries.*,
        case
            when fees.fee_deliveries is null then deliveries.delivery_version
            else {{ hash_of(['deliveries.delivery_version', 'fees.fee_deliveries']) }}
        end as ledger_version
    from deliveries
    left join fees on deliveries.delivery_version = fees.delivery_version
),

built as (
    {% if ledger and not flags.FULL_REFRESH -%}
        select distinct x_delivery_version as ledger_version from {{ ledger }}
    {%- else -%}
        select cast(null as varchar) as ledger_version where false
    {%- endif %}
)

select
    versions.*,
    built.ledger_version is null as is_new
from versions
left join built on versions.ledger_version = built.ledger_version
