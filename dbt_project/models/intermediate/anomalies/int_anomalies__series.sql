-- Daily usage cost of everything that is watched for anomalies. Grain: series × day.
-- A series is a service of an account and team, or a whole account, service, team or currency. Fees, taxes, credits, corrections,
-- purchases and unused commitments come by schedule or by decision: they are not usage and not watched.
{% set levels = {
    'leaf': ['x_source', 'sub_account_id', 'service_name', 'cost_center_id'],
    'account': ['x_source', 'sub_account_id'],
    'service': ['x_source', 'service_name'],
    'team': ['cost_center_id'],
    'total': [],
} %}
with

usage_costs as (
    select
        charge_date,
        x_source,
        coalesce(sub_account_id, '~none') as sub_account_id,
        service_name,
        case when method = 'direct' or cost_center_id = '~unallocated' then cost_center_id else '~shared' end as cost_center_id,
        currency,
        allocated_cost
    from {{ ref('fct_allocated_costs') }}
    where charge_category = 'Usage' and charge_kind = 'cost'
),

summed as (
    {%- for level, keys in levels.items() %}
        select
            '{{ level }}' as series_level,
            {%- for key in ['x_source', 'sub_account_id', 'service_name', 'cost_center_id'] %}
                {% if key in keys -%} {{ key }} {%- else -%} cast(null as varchar) {%- endif %} as {{ key }},
            {%- endfor %}
            currency,
            charge_date,
            {{ money('sum(allocated_cost)') }} as usage_cost
        from usage_costs
        group by {{ (keys + ['currency', 'charge_date']) | join(', ') }}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
)

select
    series_level || '|' || coalesce(x_source, '') || '|' || coalesce(sub_account_id, '') || '|' || coalesce(service_name, '')
    || '|' || coalesce(cost_center_id, '') || '|' || currency as series_id,
    *
from summed
