"""What keeps a purchase from being a mistake: each guard says what it did, none acts silently.

Sources: domain page 1.9.4 (FinOps Foundation waterlines, haircut, ladder, three-year cap, waiting after a purchase and
during an anomaly).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from forecasting.commitments import ZERO, Outcome, break_even_months, quantile

FIRST_PURCHASE = Decimal("0.8")  # of the best, when the pool has no commitment yet
LONG_TERM_MONTHS, LONG_TERM_QUANTILE = 36, Decimal("0.05")
LEAST_UTILISATION, LEAST_RETURN = Decimal("0.8"), Decimal("0.1")
LATEST_BREAK_EVEN = 9  # months
WAIT_DAYS = 3  # after a purchase, until the bill shows it
LADDER_STEPS = (4, 12)  # quarterly, else monthly
MOST_ENDING_TOGETHER = Decimal("0.2")  # of all capacity, in one month
# Findings about a pool: the first two keep anything from being bought now.
NOT_BILLED_YET = "wait_until_the_last_purchase_is_billed"
OPEN_ANOMALY = "wait_until_the_anomaly_is_over"
PLANNED_FALLS = "planned_falls_are_off"


@dataclass(frozen=True)
class Guarded:
    capacity: Decimal  # per hour, at on-demand prices, after haircut and caps
    now: Decimal  # the step to buy now
    findings: list[str]


def guarded(
    best: Decimal,
    demand: Sequence[Decimal],
    covered_already: Decimal,
    term_months: int | None,
    last_purchase: date | None,
    today: date,
    *,
    holds: Sequence[str] = (),
) -> Guarded:
    """How much of the best capacity to aim at, and how much of that to buy now.

    `covered_already` is what existing commitments cover per hour, at on-demand prices; `holds` are findings about the
    pool that each keep anything from being bought now.
    """
    findings = []
    capacity = best
    if not covered_already:
        capacity *= FIRST_PURCHASE
        findings.append("first_purchase_80_percent")
    if term_months is not None and term_months >= LONG_TERM_MONTHS:
        cap = quantile(demand, LONG_TERM_QUANTILE)
        if capacity > cap:
            capacity = cap
            findings.append("long_term_capped_at_p5")
    allowed = (covered_already + capacity) * MOST_ENDING_TOGETHER
    steps = next((n for n in LADDER_STEPS if capacity / n <= allowed), LADDER_STEPS[-1])
    now = capacity / steps
    findings.append(f"ladder_of_{steps}")
    if last_purchase is not None and 0 <= (today - last_purchase).days < WAIT_DAYS:
        now = ZERO
        findings.append("wait_3_days_after_a_purchase")
    if holds:
        now = ZERO
        findings += holds
    return Guarded(capacity, now, findings)


def warnings(done: Outcome, discount: Decimal, term_months: int | None, is_hourly: bool) -> list[str]:
    """What a person should look at before buying."""
    found = []
    if done.utilisation is not None and done.utilisation < LEAST_UTILISATION:
        found.append("utilisation_below_80_percent")
    if done.cost and done.savings / done.cost < LEAST_RETURN:
        found.append("return_below_10_percent")
    if term_months is not None and break_even_months(discount, term_months) > LATEST_BREAK_EVEN:
        found.append("break_even_after_9_months")
    if not is_hourly:
        found.append("daily_data_hides_peaks")
    return found
