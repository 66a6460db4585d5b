"""The tables of recommendations as they stood and of purchase plans, landed with our other results."""

from __future__ import annotations

import pyarrow as pa

_TEXT, _DAY, _MONEY, _RATIO = pa.string(), pa.date32(), pa.decimal128(28, 12), pa.decimal128(18, 6)
_SHARE, _WHOLE, _YES_NO = pa.decimal128(13, 12), pa.int32(), pa.bool_()

OPTIMIZATION_TABLES: dict[str, pa.Schema] = {
    # One row per day of data and recommendation that was made on it.
    "recommendation_history": pa.schema(
        dict.fromkeys(
            """recommendation_id rule_id rule_version provider x_source billing_account_id sub_account_id region_id
            resource_id resource_name resource_type owner_unit environment action_type dimension current_config
            recommended_config currency price_source metric_stat evidence effort risk data_gaps exclusive_group status
            """.split(),
            _TEXT,
        )
        | {"run_date": _DAY, "stack_order": _WHOLE, "lookback_days": _WHOLE}
        | dict.fromkeys(
            """cost_before_month contracted_cost_month savings_list_month savings_contract_month savings_net_now_month
            savings_net_after_expiry_month covered_saving_month one_time_cost ongoing_cost_month""".split(),
            _MONEY,
        )
        | {"saved_share": _SHARE, "remaining_share": _SHARE, "confidence": _RATIO}
        | {"performance_risk": pa.decimal128(4, 2)}
        | dict.fromkeys(
            "restart_needed rollback_possible is_automatable is_upper_bound counted_in_total".split(), _YES_NO
        )
    ),
    # One row per pool and offer.
    "commitment_plan": pa.schema(
        dict.fromkeys(
            """plan_id pool_id provider billing_account_id program currency offer_id offer_name action_type scope
            payment_option offer_source granularity guard_rails evidence""".split(),
            _TEXT,
        )
        | {"run_date": _DAY, "term_months": _WHOLE, "hours": _WHOLE, "place": _WHOLE, "is_chosen": _YES_NO}
        | dict.fromkeys(
            """demand_mean_hour best_capacity_hour best_commitment_hour guarded_commitment_hour buy_now_commitment_hour
            commitment_cost_month savings_best_month savings_month savings_low_month savings_high_month upfront_cost
            """.split(),
            _MONEY,
        )
        | dict.fromkeys(
            """discount utilisation coverage_after effective_savings_rate_after marginal_saving break_even_months
            """.split(),
            _RATIO,
        )
    ),
    # One row per pool, offer and size.
    "commitment_what_if": pa.schema(
        dict.fromkeys("pool_id offer_id currency".split(), _TEXT)
        | {"run_date": _DAY, "hours": _WHOLE, "is_best": _YES_NO}
        | dict.fromkeys("capacity_hour commitment_hour cost_month savings_month".split(), _MONEY)
        | dict.fromkeys("discount utilisation coverage effective_savings_rate".split(), _RATIO)
    ),
    # One row per accepted recommendation and weekday; written once, never changed.
    "savings_baselines": pa.schema(
        dict.fromkeys(
            "recommendation_id rule_id provider x_source resource_id action_type currency pricing_unit".split(), _TEXT
        )
        | {"decided_on": _DAY, "weekday": _WHOLE}
        | dict.fromkeys(
            "baseline_cost unit_cost_total quantity_total estimated_month ongoing_cost_month".split(), _MONEY
        )
    ),
}
