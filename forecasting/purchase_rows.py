"""What one offer would do on given usage: a row of the plan, and its alternatives in size."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Any

from forecasting.commitments import ZERO, best_capacity, break_even_months, marginal_saving, outcome, quantile
from forecasting.purchase_guards import PLANNED_FALLS, guarded, warnings
from forecasting.purchase_inputs import Offer, Pool, ratio

Row = dict[str, Any]
MONTH_HOURS = 730
WEEK_HOURS = 168
_CENT_OF_CENTS = Decimal("0.0001")  # commitments are sold with four decimals at most


def plan_row(pool: Pool, offer: Offer, demand: list[Decimal], today: date, most: Decimal | None = None) -> Row:
    """A row of commitment_plan: the best size of an offer on this demand, at most `most`, after guard-rails."""
    best = best_capacity(demand, offer.discount)
    if most is not None:
        best = min(best, most)
    kept = guarded(
        best, demand, pool.covered_hour, offer.term_months, pool.last_purchase, today, holds=pool.reasons_to_wait
    )
    # Whole ten-thousandths, rounded down: never more than planned.
    commitment = ((1 - offer.discount) * kept.capacity).quantize(_CENT_OF_CENTS, ROUND_DOWN)
    now = ((1 - offer.discount) * kept.now).quantize(_CENT_OF_CENTS, ROUND_DOWN)
    done = outcome(commitment / (1 - offer.discount), demand, offer.discount)
    ideal = outcome(best, demand, offer.discount)
    savings = done.savings * MONTH_HOURS / len(demand)
    # A few bad days in many weeks may pull the mean out of the tenths; a band always holds what it is the band of.
    weeks = _weekly_savings(commitment / (1 - offer.discount), demand, offer.discount)
    years = [
        outcome(commitment / (1 - offer.discount), [hour * left for hour in demand], offer.discount).savings
        * MONTH_HOURS
        / len(demand)
        for left in pool.outlook
    ]
    low, high = (quantile(weeks, Decimal(tenth) / 10) for tenth in (1, 9))
    term_hours = MONTH_HOURS * (offer.term_months or 0)
    findings = kept.findings + ([PLANNED_FALLS] if pool.falls else [])
    findings += warnings(done, offer.discount, offer.term_months, pool.is_hourly)
    used = Decimal(sum(hour >= best for hour in demand)) / len(demand)
    return {
        "plan_id": hashlib.sha256(f"{pool.pool_id}|{offer.offer_id}".encode()).hexdigest()[:32],
        "run_date": today,
        "pool_id": pool.pool_id,
        "provider": pool.provider,
        "billing_account_id": pool.billing_account_id,
        "program": pool.program,
        "currency": pool.currency,
        "offer_id": offer.offer_id,
        "offer_name": offer.name,
        "action_type": "PurchaseSavingsPlans" if offer.kind == "savings_plan" else "PurchaseReservedInstances",
        "scope": offer.scope,
        "term_months": offer.term_months,
        "payment_option": offer.payment_option,
        "discount": offer.discount,
        "offer_source": offer.source,
        "hours": len(demand),
        "granularity": "hour" if pool.is_hourly else "day",
        "demand_mean_hour": money(sum(demand, ZERO) / len(demand)),
        "best_capacity_hour": best,
        "best_commitment_hour": money((1 - offer.discount) * best),
        "guarded_commitment_hour": money(commitment),
        "buy_now_commitment_hour": money(now),
        "commitment_cost_month": money(commitment * MONTH_HOURS),
        "savings_best_month": money(ideal.savings * MONTH_HOURS / len(demand)),
        "savings_month": money(savings),
        "savings_low_month": money(min(low, savings, *years)),
        "savings_high_month": money(max(high, savings, *years)),
        "utilisation": optional_ratio(done.utilisation),
        "coverage_after": ratio(done.coverage),
        "effective_savings_rate_after": ratio(done.effective_savings_rate),
        "marginal_saving": ratio(marginal_saving(demand, offer.discount)),
        "break_even_months": ratio(break_even_months(offer.discount, offer.term_months)) if offer.term_months else None,
        "upfront_cost": money(now * term_hours * offer.upfront),
        "guard_rails": json.dumps(findings),
        "evidence": json.dumps(
            {
                "demand_hours": len(demand),
                "demand_days": len(demand) // 24,
                "demand_total": str(done.demand),
                "quantile": str(offer.discount),
                "capacity_hour": str(best),
                "share_of_hours_that_use_it_all": str(ratio(used)),
                "least_share_that_pays": str(1 - offer.discount),
                "covered_total": str(money(done.covered)),
                "commitment_total": str(money(done.cost)),
                "savings_total": str(money(done.savings)),
                "covered_already_hour": str(money(pool.covered_hour)),
                "weeks": len(weeks),
                # Low, likely and high of the year's forecast: demand as a share of the newest, and the savings then.
                "forecast_demand_shares": [str(left) for left in pool.outlook],
                "forecast_savings_month": [str(money(saving)) for saving in years],
            }
        ),
    }


def _weekly_savings(capacity: Decimal, demand: list[Decimal], discount: Decimal) -> list[Decimal]:
    """Savings per month if all weeks were like the seven days from each day on; of all days where there are fewer."""
    weeks = [demand[i : i + WEEK_HOURS] for i in range(0, len(demand) - WEEK_HOURS + 1, 24)] or [demand]
    return [outcome(capacity, week, discount).savings * MONTH_HOURS / len(week) for week in weeks]


def size_rows(pool: Pool, offer: Offer, demand: list[Decimal], today: date) -> list[Row]:
    """Nothing, every tenth of the hours, and the best."""
    best = best_capacity(demand, offer.discount)
    capacities = {ZERO, best} | {quantile(demand, Decimal(n) / 10) for n in range(1, 11)}
    rows = []
    for capacity in sorted(capacities):
        done = outcome(capacity, demand, offer.discount)
        rows.append(
            {
                "run_date": today,
                "pool_id": pool.pool_id,
                "offer_id": offer.offer_id,
                "currency": pool.currency,
                "discount": offer.discount,
                "capacity_hour": capacity,
                "commitment_hour": money((1 - offer.discount) * capacity),
                "hours": len(demand),
                "cost_month": money(done.total_cost * MONTH_HOURS / len(demand)),
                "savings_month": money(done.savings * MONTH_HOURS / len(demand)),
                "utilisation": optional_ratio(done.utilisation),
                "coverage": ratio(done.coverage),
                "effective_savings_rate": ratio(done.effective_savings_rate),
                "is_best": capacity == best,
            }
        )
    return rows


def money(value: Decimal) -> Decimal:
    return value.quantize(Decimal("1e-12"))


def optional_ratio(value: Decimal | None) -> Decimal | None:
    return None if value is None else ratio(value)
