{{ config(materialized='table') }}
{%- set interval = "coalesce(time_interval, cast(usage_start as varchar))" %}
{%- set share = "cast(" ~ unit_price('split_cost', 'divided_cost') ~ " as decimal(13, 12))" %}
-- What of an instance's cost its pods and tasks used (split cost allocation data of EKS, ECS and Batch).
-- Grain: split line × line that paid the instance. A split line bills nothing itself: it stands beside the instance's own
-- line with the whole cost. Both are the same money, so what a pod gets leaves the instance (int_focus__aws_charges).
-- Where several lines paid an instance's hour, a pod takes its part of each; pods never get more than the instance costs.
with

split_lines as (
    select
        x_source,
        x_billing_period,
        x_source_file,
        x_source_row,
        resource_id,
        resource_tags,
        split_parent_resource_id as instance_id,
        {{ interval }} as charged_interval,
        {{ money("case when is_net then coalesce(net_split_cost, 0) + coalesce(net_split_unused_cost, 0)"
            ~ " else coalesce(split_cost, 0) + coalesce(split_unused_cost, 0) end") }} as split_cost
    from {{ ref('int_focus__aws_lines') }}
    where split_parent_resource_id is not null and unblended_cost = 0
),

-- An instance's own hours; its traffic and processor credits have the same resource id. Without pods none is looked for.
instance_lines as (
    select
        x_source,
        x_billing_period,
        x_source_file,
        x_source_row,
        regexp_extract(resource_id, '[^/]*$') as instance_id,
        {{ interval }} as charged_interval,
        usage_amount,
        commitment_quantity,
        billed_cost,
        effective_cost,
        list_cost,
        contracted_cost
    from {{ ref('int_focus__aws_lines') }}
    where
        x_rule in ('usage', 'covered_by_savings_plan', 'covered_by_reservation')
        and line_item_type <> 'Refund'
        and split_parent_resource_id is null
        and resource_id is not null
        and lower(pricing_unit) in ('hrs', 'hours')
        and effective_cost > 0
        and regexp_extract(resource_id, '[^/]*$') in (select split_lines.instance_id from split_lines)
),

instances as (
    select
        x_source,
        x_billing_period,
        instance_id,
        charged_interval,
        sum(effective_cost) as instance_cost,
        count(*) as paying_lines
    from instance_lines
    group by all
),

instance_splits as (
    select x_source, x_billing_period, instance_id, charged_interval, sum(split_cost) as all_splits_cost
    from split_lines
    group by all
),

pairs as (
    select
        split_lines.*,
        instance_lines.x_source_file as paid_file,
        instance_lines.x_source_row as paid_row,
        instance_lines.usage_amount,
        instance_lines.commitment_quantity,
        instance_lines.billed_cost,
        instance_lines.effective_cost,
        instance_lines.list_cost,
        instance_lines.contracted_cost,
        instances.paying_lines,
        instances.instance_cost,
        cast(greatest(instances.instance_cost, instance_splits.all_splits_cost) as decimal(28, 12)) as divided_cost
    from split_lines
    inner join instance_splits using (x_source, x_billing_period, instance_id, charged_interval)
    inner join instances using (x_source, x_billing_period, instance_id, charged_interval)
    inner join instance_lines using (x_source, x_billing_period, instance_id, charged_interval)
),

costed as (
    select
        *,
        {{ share }} as split_share,
        case
            when paying_lines = 1 and divided_cost = instance_cost then split_cost
            else {{ money('cast(effective_cost as decimal(22, 10)) * ' ~ share) }}
        end as split_effective_cost
    from pairs
)

select
    x_source,
    x_billing_period,
    x_source_file,
    x_source_row,
    resource_id as allocated_resource_id,
    resource_tags as allocated_raw_tags,
    paid_file,
    paid_row,
    row_number() over (
        partition by x_source, x_billing_period, x_source_file, x_source_row order by paid_file, paid_row
    ) as part_no,
    split_share,
    split_effective_cost as effective_cost,
    -- Of an uncovered line billed, contracted and effective cost are one amount, and stay one.
    {%- for cost in ['billed_cost', 'list_cost', 'contracted_cost'] %}
    case
        when {{ cost }} = effective_cost then split_effective_cost
        else {{ money('cast(' ~ cost ~ ' as decimal(22, 10)) * split_share') }}
    end as {{ cost }},
    {%- endfor %}
    cast(cast(usage_amount as decimal(22, 10)) * split_share as decimal(38, 12)) as usage_amount,
    cast(cast(commitment_quantity as decimal(22, 10)) * split_share as decimal(38, 12)) as commitment_quantity
from costed
