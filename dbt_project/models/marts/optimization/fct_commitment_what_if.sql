-- What an offer would do at several sizes: cost, use, coverage, savings. Grain: pool × offer × hourly capacity, of the newest run.
select
    run_date, pool_id, offer_id, currency, discount, capacity_hour, commitment_hour, hours, cost_month, savings_month, utilisation, coverage,
    effective_savings_rate, is_best
from {{ ref('stg_results__commitment_what_if') }}
where run_date = (select max(p.run_date) from {{ ref('stg_results__commitment_what_if') }} as p)
