-- depends_on: {{ ref('int_deliveries__current') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_replaced_and_new_deliveries() }}"
) }}
-- What each commitment's fee was in an invoice's month, what of it is used, and what a credit of its pool cost. Kept beside
-- the ledger for usage that a later invoice brings. Grain: delivery × pool (without its hours) × commitment.
-- The fee's first row says whose the unused rest is.
{%- set commitment = [
    'x_source', 'x_billing_period', 'billing_account_id', 'currency', 'commitment_category', 'pool_resource', 'pool_family',
    'pool_region', 'fee_commitment_id',
] | join(', ') %}
{%- set of_the_fee = [
    'project_id', 'project_name', 'project_ancestry_numbers', 'service_id', 'service_description', 'sku_id',
    'sku_description', 'location_region', 'location_zone', 'location_location', 'labels', 'project_labels', 'tags',
    'subscription_instance_id', 'usage_pricing_unit',
] %}
with

lines as (
    select
        *,
        coalesce(committed_resource, '') as pool_resource,
        machine_family as pool_family,
        coalesce(location_region, '') as pool_region,
        net_cost - promotion_credit as fee
    from {{ ref('int_focus__gcp_lines') }}
    where x_rule = 'commitment_fee' or covered_cost > 0
),

coverage as (
    select * from {{ ref('int_focus__gcp_coverage') }}
),

used as (
    select x_source, x_billing_period, x_source_file, x_source_row, sum(used_cost) as used_cost
    from coverage
    where line_kind in ('fee', 'late_use')
    group by x_source, x_billing_period, x_source_file, x_source_row
),

fees as (
    select
        lines.*,
        coalesce(used.used_cost, 0) as used_cost,
        row_number() over (
            partition by {% for column in commitment.split(', ') %}lines.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
            order by lines.usage_start_time, lines.x_source_file, lines.x_source_row
        ) as nth
    from lines
    left join used
        on
            lines.x_source = used.x_source
            and lines.x_billing_period = used.x_billing_period
            and lines.x_source_file = used.x_source_file
            and lines.x_source_row = used.x_source_row
    where lines.x_rule = 'commitment_fee' and lines.offset_credit = 0 and lines.fee > 0
),

months as (
    select
        {{ commitment }},
        x_delivery_version,
        cast(sum(fee) as decimal(28, 12)) as fee,
        cast(sum(used_cost) as decimal(28, 12)) as used_cost,
        cast(sum(usage_amount_in_pricing_units) as decimal(38, 12)) as committed_units,
        case when count(distinct coalesce(usage_pricing_unit, '')) = 1 then min(usage_pricing_unit) end as committed_unit
    from fees
    group by {{ commitment }}, x_delivery_version
),

-- A row that several commitments cover has its credits once.
pools as (
    select
        lines.x_source, lines.x_billing_period, lines.billing_account_id, lines.currency, lines.commitment_category,
        coverage.pool_resource, coverage.pool_family, coverage.pool_region,
        cast(sum(coverage.used_cost) as decimal(28, 12)) as pool_used,
        cast(sum(case when coverage.share_from = 0 then lines.covered_cost else 0 end) as decimal(28, 12)) as pool_credit
    from coverage
    inner join lines
        on
            coverage.x_source = lines.x_source
            and coverage.x_billing_period = lines.x_billing_period
            and coverage.x_source_file = lines.x_source_file
            and coverage.x_source_row = lines.x_source_row
    where coverage.line_kind = 'usage'
    group by all
)

select
    months.x_source, months.x_billing_period, months.x_delivery_version, months.billing_account_id, months.currency,
    months.commitment_category, months.pool_resource, months.pool_family, months.pool_region, months.fee_commitment_id,
    months.fee,
    months.used_cost,
    months.committed_units,
    months.committed_unit,
    coalesce(pools.pool_used, cast(0 as decimal(28, 12))) as pool_used,
    coalesce(pools.pool_credit, cast(0 as decimal(28, 12))) as pool_credit,
    {% for column in of_the_fee -%}
    fees.{{ column }}{{ ',' if not loop.last }}
    {% endfor %}
from months
inner join fees
    on
        {% for column in commitment.split(', ') %}months.{{ column }} = fees.{{ column }} and {% endfor %}fees.nth = 1
left join pools
    on
        months.x_source = pools.x_source
        and months.x_billing_period = pools.x_billing_period
        and months.billing_account_id = pools.billing_account_id
        and months.currency = pools.currency
        and months.commitment_category = pools.commitment_category
        and months.pool_resource = pools.pool_resource
        and months.pool_family = pools.pool_family
        and months.pool_region = pools.pool_region
