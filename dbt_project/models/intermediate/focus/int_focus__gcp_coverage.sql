{{ config(materialized='table') }}
-- Which commitment paid how much of which usage, in Google's credit model. Grain: covered usage row × commitment, one
-- row per commitment fee with the part of it that was used, and one per commitment with what late usage used of it.
-- A pool is what the fees and the credits of one account, resource, region and hour (day, where a row is longer) have in
-- common. What is used of a pool's fees is covered units ÷ committed units where both are priced or else measured in the
-- same unit, else credits ÷ the most credits that such a fee gave in the month, and at most what the credits are worth:
-- nobody pays more with a commitment than without. It is laid out over the covered usage in proportion to the credits
-- (focus.md 4.3), the fees one after the other, so that nothing is lost to rounding.
-- Usage that a later invoice brings has its hour's fee in an earlier one, whose month may be closed. It costs what a credit
-- of its pool costs in its own invoice's month, and as much is taken from what is unused there (`late_use`). Where no fee of
-- its pool is used in that month, the month of its usage pays (int_focus__gcp_late_use).
{%- set pool_columns = [
    'x_source', 'x_billing_period', 'billing_account_id', 'currency', 'commitment_category', 'window_start', 'pool_resource',
    'pool_family', 'pool_region',
] -%}
{%- set pool = pool_columns | join(', ') %}
{%- set month_pool_columns = pool_columns | reject('equalto', 'window_start') | list %}
{%- set month_pool = month_pool_columns | join(', ') %}
with

lines as (
    select
        *,
        case
            when usage_end_time <= usage_start_time + interval '1' hour then 1
            when usage_end_time <= usage_start_time + interval '25' hour then 2
            else 3
        end as span,
        -- Bytes times seconds are too many for a quotient.
        cast(cast(usage_amount as decimal(28, 4)) * 0.000000001 as decimal(38, 12)) as billions_measured
    from {{ ref('int_focus__gcp_lines') }}
    where x_rule = 'commitment_fee' or covered_cost > 0
),

windowed as (
    select
        *,
        case max(span) over (partition by x_source, x_billing_period, billing_account_id, currency, commitment_category)
            when 1 then date_trunc('hour', usage_start_time)
            when 2 then date_trunc('day', usage_start_time)
            else date_trunc('month', usage_start_time)
        end as window_start
    from lines
),

fees as (
    select
        x_source, x_billing_period, x_source_file, x_source_row, billing_account_id, currency, commitment_category, window_start,
        coalesce(committed_resource, '') as pool_resource,
        machine_family as pool_family,
        coalesce(location_region, '') as pool_region,
        fee_commitment_id,
        sku_description,
        usage_start_time,
        usage_pricing_unit,
        usage_amount_in_pricing_units,
        usage_unit,
        billions_measured,
        {{ money('net_cost - promotion_credit') }} as fee
    from windowed
    where x_rule = 'commitment_fee' and offset_credit = 0 and net_cost - promotion_credit > 0
),

pools as (
    select
        {{ pool }},
        cast(sum(fee) as decimal(28, 12)) as pool_fee,
        cast(sum(usage_amount_in_pricing_units) as decimal(38, 12)) as committed_units,
        min(usage_pricing_unit) as unit,
        count(distinct coalesce(usage_pricing_unit, '')) as units,
        cast(sum(billions_measured) as decimal(38, 12)) as committed_amount,
        min(usage_unit) as measured_unit,
        count(distinct coalesce(usage_unit, '')) as measured_units
    from fees
    group by {{ pool }}
),

covered as (
    select
        lines.*,
        pools.pool_resource, pools.pool_family, pools.pool_region,
        pools.pool_fee, pools.committed_units, pools.units, pools.committed_amount, pools.measured_units,
        case
            when lines.usage_pricing_unit = pools.unit
                then {{ quantity_between('lines.usage_amount_in_pricing_units', '0', 'lines.covered_share') }}
        end as covered_units,
        case
            when lines.usage_unit = pools.measured_unit
                then {{ quantity_between('lines.billions_measured', '0', 'lines.covered_share') }}
        end as covered_amount
    from windowed as lines
    inner join pools
        on
            {{ pool_serves_line() }}
            and lines.window_start = pools.window_start
    where lines.covered_cost > 0
    {{ most_specific_pool() }}
),

windows as (
    select
        {{ pool }},
        any_value(pool_fee) as pool_fee,
        cast(sum(covered_cost) as decimal(28, 12)) as pool_credit,
        case
            when commitment_category = 'Spend' then null
            when count(*) = count(covered_units) and any_value(units) = 1
                then
                    case
                        when sum(covered_units) < any_value(committed_units)
                            then {{ part_of('any_value(pool_fee)', 'cast(sum(covered_units) as decimal(38, 12))', 'any_value(committed_units)') }}
                        else any_value(pool_fee)
                    end
            when count(*) = count(covered_amount) and any_value(measured_units) = 1
                then
                    case
                        when sum(covered_amount) < any_value(committed_amount)
                            then {{ part_of('any_value(pool_fee)', 'cast(sum(covered_amount) as decimal(38, 12))', 'any_value(committed_amount)') }}
                        else any_value(pool_fee)
                    end
        end as used_by_units
    from covered
    group by {{ pool }}
),

-- What a fee is worth in credits shows where it gave most of them.
best_windows as (
    select {{ month_pool }}, pool_fee as best_fee, pool_credit as best_credit
    from windows
    qualify row_number() over (
        partition by {{ month_pool }} order by {{ unit_price('pool_credit', 'pool_fee') }} desc, window_start
    ) = 1
),

worths as (
    select
        windows.*,
        case
            when windows.pool_fee = best_windows.best_fee then best_windows.best_credit
            else {{ money('best_windows.best_credit * cast(' ~ unit_price('windows.pool_fee', 'best_windows.best_fee') ~ ' as decimal(18, 9))') }}
        end as worth
    from windows
    inner join best_windows using ({{ month_pool }})
),

used as (
    select
        {{ pool }}, pool_fee, pool_credit,
        least(
            pool_credit,
            case
                when used_by_units is not null then used_by_units
                when pool_credit < worth and pool_fee < worth then {{ part_of('pool_fee', 'pool_credit', 'worth') }}
                else pool_fee
            end
        ) as pool_used
    from worths
),

usage_ends as (
    select
        covered.*,
        used.pool_used,
        used.pool_credit,
        cast(sum(covered.covered_cost) over (
            partition by {% for column in pool_columns %}covered.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
            order by covered.usage_start_time, covered.x_source_file, covered.x_source_row
        ) as decimal(28, 12)) as credit_to
    from covered
    inner join used using ({{ pool }})
),

usage_spans as (
    select
        *,
        coalesce(lag(used_to) over (partition by {{ pool }} order by credit_to, usage_start_time, x_source_file, x_source_row), 0)
            as used_from
    from (
        select *, {{ part_of('pool_used', 'credit_to', 'pool_credit') }} as used_to
        from usage_ends
    ) as ends
),

fee_ends as (
    select
        fees.*,
        used.pool_used,
        used.pool_fee,
        cast(sum(fees.fee) over (
            partition by {% for column in pool_columns %}fees.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
            order by fees.fee_commitment_id, fees.usage_start_time, fees.x_source_file, fees.x_source_row
        ) as decimal(28, 12)) as fee_to
    from fees
    inner join used using ({{ pool }})
),

fee_spans as (
    select
        *,
        coalesce(lag(used_to) over (partition by {{ pool }} order by fee_to), 0) as used_from
    from (
        select *, {{ part_of('pool_used', 'fee_to', 'pool_fee') }} as used_to
        from fee_ends
    ) as ends
),

commitments as (
    select
        {{ pool }}, fee_commitment_id,
        min(sku_description) as commitment_name,
        min(used_from) as used_from,
        max(used_to) as used_to
    from fee_spans
    group by {{ pool }}, fee_commitment_id
),

pieces as (
    select
        spans.*,
        commitments.fee_commitment_id as commitment_id,
        commitments.commitment_name,
        greatest(spans.used_from, commitments.used_from) as piece_from,
        least(spans.used_to, commitments.used_to) as piece_to
    from usage_spans as spans
    inner join commitments using ({{ pool }})
    where
        commitments.used_from < spans.used_to and commitments.used_to > spans.used_from
),

late_lines as (
    select lines.*
    from windowed as lines
    left join covered
        on
            lines.x_source = covered.x_source
            and lines.x_billing_period = covered.x_billing_period
            and lines.x_source_file = covered.x_source_file
            and lines.x_source_row = covered.x_source_row
    where
        lines.covered_cost > 0
        and covered.x_source_row is null
        and lines.usage_start_time < {{ to_utc('cast(lines.invoice_date as timestamp)', 'America/Los_Angeles') }}
),

month_pools as (
    select {{ month_pool }}, cast(sum(pool_credit) as decimal(28, 12)) as month_credit
    from used
    group by {{ month_pool }}
),

month_commitments as (
    select
        *,
        cast(sum(month_used) over (partition by {{ month_pool }} order by fee_commitment_id) as decimal(28, 12)) as month_used_to,
        cast(sum(month_used) over (partition by {{ month_pool }}) as decimal(28, 12)) as pool_used
    from (
        select
            {{ month_pool }}, fee_commitment_id,
            min(commitment_name) as commitment_name,
            cast(sum(used_to - used_from) as decimal(28, 12)) as month_used
        from commitments
        group by {{ month_pool }}, fee_commitment_id
    ) as used_in_month
    where month_used > 0
),

late as (
    select lines.*, pools.pool_resource, pools.pool_family, pools.pool_region, pools.month_credit
    from late_lines as lines
    inner join month_pools as pools
        on
            {{ pool_serves_line() }}
    where true
    {{ most_specific_pool() }}
),

late_pieces as (
    select
        late.*,
        month_commitments.fee_commitment_id as commitment_id,
        month_commitments.commitment_name,
        {{ part_of('late.covered_cost', 'month_commitments.month_used_to', 'late.month_credit') }}
        - {{ part_of('late.covered_cost', '(month_commitments.month_used_to - month_commitments.month_used)', 'late.month_credit') }}
            as used_cost,
        cast({{ unit_price('(month_commitments.month_used_to - month_commitments.month_used)', 'month_commitments.pool_used') }}
            * late.covered_share as decimal(13, 12)) as share_from,
        cast({{ unit_price('month_commitments.month_used_to', 'month_commitments.pool_used') }} * late.covered_share as decimal(13, 12))
            as share_to
    from late
    inner join month_commitments using ({{ month_pool }})
),

first_fees as (
    select {{ month_pool }}, fee_commitment_id, x_source_file, x_source_row
    from fees
    qualify row_number() over (
        partition by {{ month_pool }}, fee_commitment_id order by usage_start_time, x_source_file, x_source_row
    ) = 1
)

select
    x_source, x_billing_period, x_source_file, x_source_row,
    'usage' as line_kind,
    pool_resource, pool_family, pool_region,
    commitment_id,
    commitment_name,
    cast(piece_to - piece_from as decimal(28, 12)) as used_cost,
    cast({{ unit_price('(piece_from - used_from)', '(used_to - used_from)') }} * covered_share as decimal(13, 12)) as share_from,
    cast({{ unit_price('(piece_to - used_from)', '(used_to - used_from)') }} * covered_share as decimal(13, 12)) as share_to
from pieces
union all
select
    x_source, x_billing_period, x_source_file, x_source_row,
    'fee' as line_kind,
    pool_resource, pool_family, pool_region,
    fee_commitment_id as commitment_id,
    sku_description as commitment_name,
    cast(used_to - used_from as decimal(28, 12)) as used_cost,
    cast(0 as decimal(13, 12)) as share_from,
    cast(0 as decimal(13, 12)) as share_to
from fee_spans
union all
select
    x_source, x_billing_period, x_source_file, x_source_row,
    'usage' as line_kind,
    pool_resource, pool_family, pool_region,
    commitment_id,
    commitment_name,
    cast(used_cost as decimal(28, 12)) as used_cost,
    share_from,
    share_to
from late_pieces
union all
select
    late_pieces.x_source, late_pieces.x_billing_period, first_fees.x_source_file, first_fees.x_source_row,
    'late_use' as line_kind,
    late_pieces.pool_resource, late_pieces.pool_family, late_pieces.pool_region,
    late_pieces.commitment_id,
    any_value(late_pieces.commitment_name) as commitment_name,
    cast(sum(late_pieces.used_cost) as decimal(28, 12)) as used_cost,
    cast(0 as decimal(13, 12)) as share_from,
    cast(0 as decimal(13, 12)) as share_to
from late_pieces
inner join first_fees
    on
        {% for column in month_pool_columns %}late_pieces.{{ column }} = first_fees.{{ column }} and {% endfor %}late_pieces.commitment_id = first_fees.fee_commitment_id
group by
    late_pieces.x_source, late_pieces.x_billing_period, first_fees.x_source_file, first_fees.x_source_row,
    late_pieces.pool_resource, late_pieces.pool_family, late_pieces.pool_region, late_pieces.commitment_id
