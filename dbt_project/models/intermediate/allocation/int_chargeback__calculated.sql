-- depends_on: {{ ref('int_allocation__periods') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_stale_periods() }}"
) }}
-- Statement lines as costs and rules say today, whether or not the month is closed. Grain: billing period × cost centre × source × service × kind × currency.
-- Amounts are whole minor units (cents) by largest remainder within each source and currency; the one 'rounding' line
-- per source and currency holds what is smaller than a cent, so that all lines sum to the ledger to the last decimal.
with

allocated as (
    select
        billing_period,
        x_source,
        provider,
        cost_center_id,
        service_name,
        case
            when charge_kind not in ('cost', 'correction') then charge_kind
            when method in ('direct', 'unallocated') then 'direct'
            else 'shared'
        end as kind,
        currency,
        sum(allocated_cost) as effective_exact,
        sum(allocated_billed_cost) as billed_exact
    from {{ ref('fct_allocated_costs') }}
    where {{ in_stale_period('billing_period') }}
    group by all
),

scaled as (
    select
        allocated.*,
        coalesce(currencies.minor_units, 2) as minor_units,
        cast(power(10, coalesce(currencies.minor_units, 2)) as integer) as factor
    from allocated
    left join {{ ref('currencies') }} as currencies on allocated.currency = currencies.currency_code
),

floors as (
    select
        *,
        {{ minor_units_floor('effective_exact', 'factor') }} as effective_floor,
        {{ minor_units_floor('billed_exact', 'factor') }} as billed_floor,
        {{ minor_units_floor('sum(effective_exact) over statement', 'factor') }} as effective_total,
        {{ minor_units_floor('sum(billed_exact) over statement', 'factor') }} as billed_total,
        sum(effective_exact) over statement as effective_total_exact,
        sum(billed_exact) over statement as billed_total_exact
    from scaled
    window statement as (partition by billing_period, x_source, currency)
),

signed as (
    select
        *,
        case when effective_total >= sum(effective_floor) over statement then 1 else -1 end as effective_sign,
        case when billed_total >= sum(billed_floor) over statement then 1 else -1 end as billed_sign
    from floors
    window statement as (partition by billing_period, x_source, currency)
),

ranked as (
    select
        *,
        effective_total - sum(effective_floor) over statement as effective_left,
        billed_total - sum(billed_floor) over statement as billed_left,
        -- Remainders that are equal but for the last digits of a row are equal.
        row_number() over (
            partition by billing_period, x_source, currency
            order by
                round((effective_exact * factor - effective_floor) * effective_sign, 6) desc, abs(effective_exact) desc,
                cost_center_id, service_name, kind
        ) as effective_rank,
        row_number() over (
            partition by billing_period, x_source, currency
            order by
                round((billed_exact * factor - billed_floor) * billed_sign, 6) desc, abs(billed_exact) desc,
                cost_center_id, service_name, kind
        ) as billed_rank
    from signed
    window statement as (partition by billing_period, x_source, currency)
),

lines as (
    select
        billing_period,
        x_source,
        provider,
        cost_center_id,
        service_name,
        kind,
        currency,
        {{ from_minor_units('effective_floor + case when effective_rank <= abs(effective_left) then effective_sign else 0 end', 'minor_units') }}
            as amount,
        {{ from_minor_units('billed_floor + case when billed_rank <= abs(billed_left) then billed_sign else 0 end', 'minor_units') }}
            as billed_amount
    from ranked
),

rounding as (
    select
        billing_period,
        x_source,
        case when count(distinct provider) = 1 then min(provider) end as provider,
        '~rounding' as cost_center_id,
        'Rounding' as service_name,
        'rounding' as kind,
        currency,
        {{ money('any_value(effective_total_exact)') }}
        - {{ from_minor_units('any_value(effective_total)', 'any_value(minor_units)') }} as amount,
        {{ money('any_value(billed_total_exact)') }}
        - {{ from_minor_units('any_value(billed_total)', 'any_value(minor_units)') }} as billed_amount
    from floors
    group by billing_period, x_source, currency
),

all_lines as (
    select * from lines
    union all
    select * from rounding
)

select
    all_lines.billing_period,
    cost_center_id,
    {{ hash_of(['all_lines.billing_period', 'cost_center_id', 'x_source', 'provider', 'service_name', 'kind', 'currency']) }} as line_id,
    kind,
    x_source,
    provider,
    service_name,
    {{ money('amount') }} as amount,
    {{ money('billed_amount') }} as billed_amount,
    currency,
    -- NULL where no rate is decided; shown beside the amount, never instead of it.
    {{ money('amount * rates.rate') }} as amount_reporting
from all_lines
left join {{ ref('int_currency__rates') }} as rates
    on all_lines.billing_period = rates.billing_period and all_lines.currency = rates.from_currency
