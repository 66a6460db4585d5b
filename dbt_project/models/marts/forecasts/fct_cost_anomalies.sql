-- Costs that were not what they should be. Grain: anomaly × day; what is of the whole anomaly repeats on each of its days.
with

days as (
    select
        days.anomaly_id,
        days.charge_date,
        days.expected_cost,
        days.actual_cost,
        days.actual_cost - days.expected_cost as impact,
        incidents.currency,
        rates.rate
    from {{ ref('stg_results__anomaly_days') }} as days
    inner join {{ ref('stg_results__anomaly_incidents') }} as incidents on days.anomaly_id = incidents.anomaly_id
    left join {{ ref('int_currency__rates') }} as rates
        on incidents.currency = rates.from_currency and {{ month_of('days.charge_date') }} = rates.billing_period
),

totals as (
    select
        anomaly_id,
        {{ money('sum(expected_cost)') }} as expected_total,
        {{ money('sum(impact)') }} as impact_total,
        case when count(rate) = count(*) then {{ money('sum(impact * rate)') }} end as impact_total_reporting
    from days
    group by anomaly_id
)

select
    days.anomaly_id,
    days.charge_date,
    incidents.level as series_level,
    incidents.x_source,
    nullif(incidents.sub_account_id, '~none') as sub_account_id,
    incidents.service_name,
    incidents.cost_center_id,
    incidents.series_count,
    incidents.also_seen_on,
    {{ money('days.expected_cost') }} as expected_cost,
    {{ money('days.actual_cost') }} as actual_cost,
    {{ money('days.impact') }} as impact,
    days.currency,
    totals.impact_total,
    totals.impact_total_reporting,
    {{ ratio('totals.impact_total', 'totals.expected_total') }} as impact_ratio,
    case
        when totals.impact_total < 0 then 'low'
        when coalesce(totals.impact_total_reporting, totals.impact_total) >= 10000 then 'critical'
        when coalesce(totals.impact_total_reporting, totals.impact_total) >= 1000 then 'high'
        when coalesce(totals.impact_total_reporting, totals.impact_total) >= 100 then 'medium'
        else 'low'
    end as severity,
    incidents.score,
    incidents.threshold,
    incidents.first_seen_date,
    incidents.resolved_date,
    incidents.is_new_level,
    incidents.label,
    incidents.suppressed_by,
    case
        when incidents.label = 'false' then 'dismissed'
        when incidents.label = 'expected' or incidents.suppressed_by is not null then 'expected'
        when incidents.resolved_date is not null then 'resolved'
        when incidents.label = 'true' then 'confirmed'
        else 'open'
    end as status,
    incidents.root_cause
from days
inner join {{ ref('stg_results__anomaly_incidents') }} as incidents on days.anomaly_id = incidents.anomaly_id
inner join totals on days.anomaly_id = totals.anomaly_id
