-- What to buy, how much of it now, and why; the alternatives beside it. Grain: plan (pool × offer) of the newest run.
select
    plan_id, run_date, pool_id, provider, billing_account_id, program, currency, offer_id, offer_name, action_type, scope, term_months,
    payment_option, discount, offer_source, hours, granularity, demand_mean_hour, best_capacity_hour, best_commitment_hour,
    guarded_commitment_hour, buy_now_commitment_hour, commitment_cost_month, savings_best_month, savings_month, savings_low_month,
    savings_high_month, utilisation, coverage_after, effective_savings_rate_after, marginal_saving, break_even_months, upfront_cost,
    guard_rails, evidence, is_chosen, place
from {{ ref('stg_results__commitment_plan') }}
where run_date = (select max(p.run_date) from {{ ref('stg_results__commitment_plan') }} as p)
