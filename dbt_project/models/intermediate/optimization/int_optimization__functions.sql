-- Functions: instances that are kept ready and not used, x86 that could run on Arm, and calls that fail and are billed all the same.
-- Grain: resource × rule × currency.
with

prices as (
    select
        x_source,
        region_id,
        currency,
        min(case when meter_kind = 'fn_compute' then contracted_unit_price end) as x86_price,
        min(case when meter_kind = 'fn_compute_arm' then contracted_unit_price end) as arm_price
    from {{ ref('dim_price_observed') }}
    where meter_kind in ('fn_compute', 'fn_compute_arm') and contracted_unit_price > 0
    group by x_source, region_id, currency
),

measured as (
    select
        usage_source,
        resource_key,
        lookback_days,
        max(case when metric = 'fn_provisioned_pct' then peak_value end) as provisioned_peak_pct,
        max(case when metric = 'fn_provisioned_pct' then hours end) as provisioned_hours,
        max(case when metric = 'fn_provisioned_pct' then days end) as provisioned_days,
        max(case when metric = 'fn_provisioned_pct' then completeness end) as provisioned_completeness,
        max(case when metric = 'fn_errors' then sum_value end) as errors,
        max(case when metric = 'fn_invocations' then sum_value end) as invocations,
        max(case when metric = 'fn_invocations' then hours end) as invocation_hours,
        max(case when metric = 'fn_invocations' then days end) as invocation_days
    from {{ ref('int_optimization__usage') }}
    where metric in ('fn_provisioned_pct', 'fn_errors', 'fn_invocations')
    group by usage_source, resource_key, lookback_days
),

found as (
    select
        resources.*,
        costs.meter_kind as part,
        costs.effective_month as part_effective_month,
        costs.contracted_month as part_contracted_month,
        costs.list_month as part_list_month,
        prices.x86_price,
        prices.arm_price,
        measured.provisioned_peak_pct,
        measured.errors,
        measured.invocations,
        case resources.metric when 'fn_provisioned_pct' then measured.provisioned_hours when 'fn_errors' then measured.invocation_hours end
            as observed_hours,
        case resources.metric when 'fn_provisioned_pct' then measured.provisioned_days when 'fn_errors' then measured.invocation_days end
            as observed_days,
        case resources.metric
            when 'fn_provisioned_pct' then 1 - measured.provisioned_peak_pct / 100 * (1 + resources.cpu_headroom)
            when 'fn_errors' then measured.errors / measured.invocations
        end as share
    from ({{ resources_under('functions') }}) as resources
    inner join {{ ref('int_optimization__part_costs') }} as costs
        on
            {{ is_cost_of('costs', 'resources') }}
            and costs.meter_kind = case resources.metric when 'fn_provisioned_pct' then 'fn_provisioned' else 'fn_compute' end
    left join measured
        on
            resources.usage_source = measured.usage_source
            and lower(resources.resource_id) = measured.resource_key
            and resources.lookback_days = measured.lookback_days
    left join prices
        on
            resources.x_source = prices.x_source
            and resources.region = prices.region_id
            and resources.currency = prices.currency
    where
        costs.contracted_month > 0
        and case resources.metric
            when 'fn_provisioned_pct'
                then measured.provisioned_peak_pct <= resources.provisioned_max_pct
                    and measured.provisioned_completeness >= resources.min_completeness
            when 'fn_errors' then measured.invocations > 0 and measured.errors >= measured.invocations * resources.min_error_share
            when 'arm'
                then resources.architecture = 'x86_64'
                    and (prices.arm_price is null or prices.x86_price is null or prices.arm_price < prices.x86_price)
        end
)

select
    {{ candidate_columns({
        'target': 'found.metric',
        'current_config': json_of({'architecture': 'found.architecture', 'memory_mb': 'found.memory_mb'}),
        'recommended_config': json_of({
            'architecture': "case found.metric when 'arm' then 'arm64' end",
            'provisioned_share': "case found.metric when 'fn_provisioned_pct' then cast(1 - found.share as decimal(18, 6)) end",
            'errors': "case found.metric when 'fn_errors' then 0 end"
        }),
        'cost_part': 'found.part',
        'effective_cost_month': 'found.part_effective_month',
        'contracted_cost_month': 'found.part_contracted_month',
        'list_cost_month': 'found.part_list_month',
        'saved_share': "case when found.metric <> 'arm' then found.share end",
        'target_cost_month': money('found.part_contracted_month * ' ~ ratio('found.arm_price', 'found.x86_price')),
        'fixed_saving_share': 'found.fixed_saving_share',
        'observed_hours': 'found.observed_hours',
        'expected_hours': "case when found.metric = 'fn_provisioned_pct' then 24 * found.lookback_days end",
        'history_days': 'found.observed_days',
        'metric_stat': "case found.metric when 'fn_provisioned_pct' then 'max' when 'fn_errors' then 'sum' end",
        'confidence_cap': "case when found.metric = 'arm' and found.arm_price is null then 0.5 else found.confidence_cap end",
        'is_upper_bound': "found.metric = 'fn_errors'",
        'evidence': json_of({
            'cost_month': 'found.part_contracted_month',
            'provisioned_peak_pct': "case when found.metric = 'fn_provisioned_pct' then found.provisioned_peak_pct end",
            'provisioned_at_most_pct': "case when found.metric = 'fn_provisioned_pct' then found.provisioned_max_pct end",
            'headroom': "case when found.metric = 'fn_provisioned_pct' then found.cpu_headroom end",
            'errors': "case when found.metric = 'fn_errors' then found.errors end",
            'invocations': "case when found.metric = 'fn_errors' then found.invocations end",
            'price_x86': "case when found.metric = 'arm' then found.x86_price end",
            'price_arm': "case when found.metric = 'arm' then found.arm_price end",
            'fixed_saving_share': 'found.fixed_saving_share'
        }),
        'data_gaps': json_words({
            'target_price': "found.metric = 'arm' and found.arm_price is null",
            'why_calls_fail': "found.metric = 'fn_errors'"
        })
    }) }}
from found
