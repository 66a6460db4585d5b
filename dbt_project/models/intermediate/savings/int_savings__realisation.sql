-- How much of what a rule promised came true. Grain: rule. A ratio of sums over a year of measured recommendations.
select
    rule_id,
    count(*) as measured,
    {{ ratio('sum(realized_savings_month)', 'case when sum(estimated_savings_month) > 0 then sum(estimated_savings_month) end') }} as realisation_rate
from {{ ref('fct_realized_savings') }}
where status in ('verified', 'not_realised') and estimated_savings_month > 0
group by rule_id
