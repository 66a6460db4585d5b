-- Traffic that could go a cheaper way: to storage through an endpoint instead of a NAT gateway, and within a zone or region instead of
-- between zones or regions (of regions the saving is unknown: copies may have to be there). The bill tells neither where a NAT gateway's bytes
-- go (what flow logs say is a decision, storage_traffic_share; without it nothing is said) nor who talks to whom. Grain: gateway, or account × region, × rule × currency.
with

meters as (
    select * from {{ ref('int_optimization__meters') }} where meter_kind in ('nat_bytes', 'transfer_zones', 'transfer_regions', 'vm_compute')
),

gateways as (
    select
        provider, x_source, region_id, currency, resource_id,
        'nat_bytes' as metric,
        max(billing_account_id) as billing_account_id,
        max(sub_account_id) as sub_account_id,
        max(cost_days) as cost_days,
        cast(null as decimal(38, 12)) as machines_cost,
        sum(effective_cost) as effective_cost,
        sum(contracted_cost) as contracted_cost,
        sum(list_cost) as list_cost
    from meters
    where meter_kind = 'nat_bytes' and resource_id is not null
    group by provider, x_source, region_id, currency, resource_id
),

{% set between = {'transfer_zones': 'between zones', 'transfer_regions': 'between regions'} %}
places as (
{%- for kind, words in between.items() %}
    select
        provider, x_source, region_id, currency,
        concat_ws('/', sub_account_id, region_id, '{{ words }}') as resource_id,
        '{{ kind }}' as metric,
        max(billing_account_id) as billing_account_id,
        sub_account_id,
        max(cost_days) as cost_days,
        sum(case when meter_kind = 'vm_compute' then effective_cost else 0 end) as machines_cost,
        sum(case when meter_kind = '{{ kind }}' then effective_cost else 0 end) as effective_cost,
        sum(case when meter_kind = '{{ kind }}' then contracted_cost else 0 end) as contracted_cost,
        sum(case when meter_kind = '{{ kind }}' then list_cost else 0 end) as list_cost
    from meters
    where meter_kind in ('{{ kind }}', 'vm_compute')
    group by provider, x_source, sub_account_id, region_id, currency
{{ "    union all\n" if not loop.last }}
{%- endfor -%}
),

traffic as (
    select
        provider, x_source, region_id, currency, resource_id, metric, billing_account_id, sub_account_id, cost_days, machines_cost,
        effective_cost, contracted_cost, list_cost
    from gateways
    union all
    select
        provider, x_source, region_id, currency, resource_id, metric, billing_account_id, sub_account_id, cost_days, machines_cost,
        effective_cost, contracted_cost, list_cost
    from places
),

found as (
    select
        traffic.provider,
        traffic.x_source,
        traffic.billing_account_id,
        traffic.sub_account_id,
        traffic.region_id as region,
        traffic.resource_id,
        traffic.currency,
        traffic.cost_days,
        {{ rule_columns('rules') }},
        rules.resource_type,
        clock.run_date,
        cast(null as varchar) as resource_name,
        cast(null as varchar) as environment,
        cast(null as varchar) as tags,
        cast({{ share_of('traffic.effective_cost', 'traffic.effective_cost + traffic.machines_cost') }} as decimal(13, 12)) as cost_share,
        {{ per_month('traffic.effective_cost', 'traffic.cost_days') }} as effective_cost_month,
        {{ per_month('traffic.contracted_cost', 'traffic.cost_days') }} as contracted_cost_month,
        {{ per_month('traffic.list_cost', 'traffic.cost_days') }} as list_cost_month
    from traffic
    cross join {{ ref('int_optimization__clock') }} as clock
    inner join {{ ref('int_optimization__rules') }} as rules
        on
            traffic.provider = rules.provider
            and rules.rule_kind = 'transfer'
            and traffic.metric = rules.metric
            and rules.profile = 'prod'
    where traffic.effective_cost > 0
)

select
    {{ candidate_columns({
        'current_config': json_of({'traffic': 'found.metric'}),
        'recommended_config': json_of({
            'traffic': "case found.metric when 'nat_bytes' then 'gateway endpoint' when 'transfer_zones' then 'within a zone' else 'within a region' end"
        }),
        'cost_part': 'found.metric',
        'saved_share': 'found.storage_traffic_share',
        'fixed_saving_share': 'found.fixed_saving_share',
        'is_upper_bound': 'true',
        'is_automatable': 'false',
        'evidence': json_of({
            'traffic_effective_cost_month': 'found.effective_cost_month',
            'share_of_traffic_and_machines': 'found.cost_share',
            'at_least': 'found.min_cost_share',
            'storage_traffic_share': 'found.storage_traffic_share'
        }),
        'data_gaps': json_words({'flow_logs': "found.metric <> 'nat_bytes'"})
    }) }}
from found
where
    found.storage_traffic_share > 0
    or (found.metric in ('transfer_zones', 'transfer_regions') and found.cost_share > found.min_cost_share)
