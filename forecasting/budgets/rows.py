"""What is known of a budget's end, and the rows of what is moved or proposed because of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from forecasting.budgets.distribution import Total
from forecasting.results import SeriesForecast

_CENT, _RATIO = Decimal("0.01"), Decimal("0.000001")


@dataclass(frozen=True)
class Outlook:
    """One running budget: what it has spent until `as_of`, the last day that counts, late costs of these days included,
    and the distribution of the rest of its period.
    """

    budget: dict[str, Any]
    as_of: date
    actual: Decimal
    rest: Total
    expected_share: float  # of the period's cost that usually falls on the days until as_of
    month_share: float  # the same of the month that as_of is in
    history_days: int
    source: SeriesForecast
    # Of the last six tested forecasts, the share of days inside their 80 % interval; None where none could be tested.
    held: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.budget["budget_id"], self.budget["period"]

    @property
    def elapsed_days(self) -> int:
        starts: date = self.budget["starts_on"]
        return max((self.as_of - starts).days + 1, 0)

    def chance_above(self, amount: Decimal) -> float:
        return self.rest.chance_above(float(amount - self.actual))

    def at(self, level: float) -> Decimal:
        """What the whole period costs at most with this probability."""
        return self.actual + money(self.rest.quantile(level))

    @property
    def expected(self) -> Decimal:
        return self.actual + money(self.rest.middle)


def adjusted_amounts(
    budgets: Iterable[dict[str, Any]], adjustments: Iterable[dict[str, Any]]
) -> dict[tuple[str, str], Decimal]:
    """Each budget with what was moved to and from it."""
    amounts = {(b["budget_id"], b["period"]): b["amount"] for b in budgets}
    for row in adjustments:
        if row["kind"] == "reallocation":
            for name, sign in ((row["to_budget_id"], 1), (row["from_budget_id"], -1)):
                if (name, row["period"]) in amounts:
                    amounts[name, row["period"]] += sign * row["amount"]
    return amounts


def adjustment(**fields: Any) -> dict[str, Any]:
    """A row with its id: the same move on the same day is the same adjustment."""
    empty = (
        "from_budget_id",
        "conservative_amount",
        "aggressive_amount",
        "history_amount",
        "growth_ratio",
        "seasonal_index",
        "constrained_by",
        "confidence",
    )
    names = ("kind", "period", "from_budget_id", "to_budget_id", "valid_from")
    identity = "|".join(str(fields.get(name)) for name in names)
    row = dict.fromkeys(empty) | fields
    return row | {"adjustment_id": hashlib.sha256(identity.encode()).hexdigest()[:12]}


def money(value: float) -> Decimal:
    return Decimal(repr(float(value))).quantize(_CENT, ROUND_HALF_EVEN)


def ratio(value: float) -> Decimal:
    return Decimal(repr(float(value))).quantize(_RATIO)


def cents(amount: Decimal) -> int:
    return int((amount * 100).to_integral_value(ROUND_HALF_EVEN))
