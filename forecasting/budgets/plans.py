"""Planned events in the forecast of a budget: taken out of its history, counted into the days to come."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from forecasting.ledger.events import LEAST_FACTOR


@dataclass(frozen=True)
class Plan:
    """What one event changes in one scope, in per cent of it or in reporting currency a month.

    Credits that end are positive amounts: of each month's first, and of its other days together.
    """

    starts_on: date
    ends_on: date  # exclusive
    change_percent: float
    monthly_amount: float
    first_credits: float = 0.0
    other_credits: float = 0.0


Plans = Mapping[tuple[str, str], Sequence[Plan]]  # by scope and value


def plans_of(rows: Iterable[Mapping[str, Any]]) -> Plans:
    """From the rows of int_budgets__planned."""
    plans: dict[tuple[str, str], list[Plan]] = {}
    for row in rows:
        names = ("change_percent", "monthly_amount", "first_credits", "other_credits")
        plan = Plan(row["starts_on"], row["ends_on"], *(float(row[name] or 0) for name in names))
        plans.setdefault((row["scope"], row["scope_value"]), []).append(plan)
    return plans


def usual_cost(plans: Sequence[Plan], day: date, cost: float) -> float:
    """What the day would have cost without the events; as it was where they switched its scope off."""
    factor, amount, credits = _changes(plans, day)
    if factor > LEAST_FACTOR and (factor != 1 or amount):
        usual = (cost - amount) / factor
        cost = max(usual, 0.0) if cost >= 0 else usual
    return cost - credits


def planned_cost(plans: Sequence[Plan], day: date, usual: float) -> float:
    """What the events add to a day that would cost `usual` without them."""
    factor, amount, credits = _changes(plans, day)
    return (usual + credits) * (factor - 1) + amount + credits


def _changes(plans: Sequence[Plan], day: date) -> tuple[float, float, float]:
    active = [plan for plan in plans if plan.starts_on <= day < plan.ends_on]
    month = monthrange(day.year, day.month)[1]
    factor = 1 + sum(plan.change_percent for plan in active) / 100
    credits = sum(plan.first_credits if day.day == 1 else plan.other_credits / (month - 1) for plan in active)
    return factor, sum(plan.monthly_amount for plan in active) / month, credits
