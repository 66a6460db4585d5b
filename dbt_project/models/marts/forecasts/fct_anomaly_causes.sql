-- Which values moved an anomaly's cost, most likely cause first. Grain: anomaly × dimension × rank.
select
    anomaly_id,
    dimension,
    cause_rank,
    value as cause_value,
    state,
    expected_cost,
    actual_cost,
    delta_cost,
    delta_share,
    score,
    price_effect,
    quantity_effect,
    currency
from {{ ref('stg_results__anomaly_causes') }}
