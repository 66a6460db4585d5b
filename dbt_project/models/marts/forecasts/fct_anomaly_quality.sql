-- How well anomalies are found here. Grain: evidence (people's labels; anomalies put into the company's own series).
select
    evidence,
    events,
    detected,
    false_alarms,
    series_months,
    precision_rate,
    recall_rate,
    large_recall_rate,
    cost_caught,
    delay_days
from {{ ref('stg_results__anomaly_quality') }}
