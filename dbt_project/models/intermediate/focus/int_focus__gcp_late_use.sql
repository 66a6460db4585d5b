{{ config(materialized='table') }}
-- Usage that a later invoice brings and that no fee of its own invoice's month pays: which commitment of the month of its
-- usage does, and how much. Grain: usage row × commitment.
-- It costs what a credit of its pool cost in that month; where none was given, what its units cost, or else the credit
-- itself. At most what stands there as unused is taken, the commitments one after the other. The month itself, which may
-- be closed, stays as it is: the ledger takes the amount from its unused part in the later invoice's month.
{%- set pool_columns = [
    'x_source', 'x_billing_period', 'billing_account_id', 'currency', 'commitment_category', 'pool_resource', 'pool_family',
    'pool_region',
] -%}
{%- set pool = pool_columns | join(', ') %}
{%- set usage_pool = 'x_source, usage_period, billing_account_id, currency, commitment_category, pool_resource, pool_family, pool_region' %}
with

lines as (
    select
        lines.*,
        {{ month_of(from_utc('lines.usage_start_time', 'America/Los_Angeles')) }} as usage_period
    from {{ ref('int_focus__gcp_lines') }} as lines
    left join {{ ref('int_focus__gcp_coverage') }} as coverage
        on
            lines.x_source = coverage.x_source
            and lines.x_billing_period = coverage.x_billing_period
            and lines.x_source_file = coverage.x_source_file
            and lines.x_source_row = coverage.x_source_row
    where
        lines.covered_cost > 0
        and coverage.x_source_row is null
        and lines.usage_start_time < {{ to_utc('cast(lines.invoice_date as timestamp)', 'America/Los_Angeles') }}
),

fees as (
    select
        *,
        cast(sum(greatest(fee - used_cost, 0)) over (partition by {{ pool }} order by fee_commitment_id) as decimal(28, 12))
            as unused_to
    from {{ ref('int_focus__gcp_fee_months') }}
),

pools as (
    select
        {{ pool }},
        max(unused_to) as pool_unused,
        cast(sum(fee) as decimal(28, 12)) as pool_fee,
        cast(sum(committed_units) as decimal(38, 12)) as committed_units,
        case when count(*) = count(committed_unit) and count(distinct committed_unit) = 1 then min(committed_unit) end
            as committed_unit,
        any_value(pool_used) as pool_used,
        any_value(pool_credit) as pool_credit
    from fees
    group by {{ pool }}
),

late as (
    select
        lines.x_source, lines.x_billing_period, lines.x_source_file, lines.x_source_row, lines.usage_start_time,
        lines.usage_period, lines.billing_account_id, lines.currency, lines.commitment_category, lines.covered_share,
        pools.pool_resource, pools.pool_family, pools.pool_region, pools.pool_unused,
        case
            when pools.pool_used > 0 and pools.pool_credit >= pools.pool_used
                then {{ part_of('lines.covered_cost', 'pools.pool_used', 'pools.pool_credit') }}
            when lines.usage_pricing_unit = pools.committed_unit
                then least(lines.covered_cost, {{ part_of(
                    'pools.pool_fee',
                    'least(' ~ quantity_between('lines.usage_amount_in_pricing_units', '0', 'lines.covered_share') ~ ', pools.committed_units)',
                    'pools.committed_units',
                ) }})
            else lines.covered_cost
        end as claim
    from lines
    inner join pools
        on
            {{ pool_serves_line('lines.usage_period') }}
    where pools.pool_unused > 0
    {{ most_specific_pool() }}
),

claims as (
    select
        *,
        cast(sum(claim) over (
            partition by x_billing_period, {{ usage_pool }} order by usage_start_time, x_source_file, x_source_row
        ) as decimal(28, 12)) as claim_to
    from late
),

spans as (
    select
        *,
        least(claim_to - claim, pool_unused) as used_from,
        least(claim_to, pool_unused) as used_to
    from claims
),

pieces as (
    select
        spans.*,
        fees.* exclude ({{ pool }}, usage_pricing_unit),
        fees.usage_pricing_unit as fee_unit,
        greatest(spans.used_from, fees.unused_to - greatest(fees.fee - fees.used_cost, 0)) as piece_from,
        least(spans.used_to, fees.unused_to) as piece_to
    from spans
    inner join fees
        on
            spans.usage_period = fees.x_billing_period
            {%- for column in pool_columns if column != 'x_billing_period' %}
            and spans.{{ column }} = fees.{{ column }}
            {%- endfor %}
)

select
    x_source, x_billing_period, x_source_file, x_source_row, usage_period,
    fee_commitment_id as commitment_id,
    sku_description as commitment_name,
    cast(piece_to - piece_from as decimal(28, 12)) as used_cost,
    cast({{ unit_price('(piece_from - used_from)', '(used_to - used_from)') }} * covered_share as decimal(13, 12)) as share_from,
    cast({{ unit_price('(piece_to - used_from)', '(used_to - used_from)') }} * covered_share as decimal(13, 12)) as share_to,
    project_id, project_name, project_ancestry_numbers, service_id, service_description, sku_id, location_region,
    location_zone, location_location, labels, project_labels, tags, subscription_instance_id, fee_unit
from pieces
where piece_to > piece_from
