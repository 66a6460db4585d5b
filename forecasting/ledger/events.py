"""Planned events (decisions/planned_events.csv) on top of every scenario: a change in per cent, or an amount a month.

A percentage changes the usage of the leaves in its scope from its first day to before its end; an amount is spread over
the days of each month, and over the scope's leaves by what they cost. The end of credits stops scheduled credits.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from forecasting.ledger.panel import Leaf
from forecasting.series import Values


@dataclass(frozen=True)
class Event:
    event_id: str
    kind: str
    scope: str  # total | business_unit | department | cost_center | provider | sub_account | service
    scope_value: str | None
    starts_on: date
    ends_on: date  # exclusive
    change_percent: float | None
    monthly_amount: float | None
    currency: str | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> Event:
        change, amount = row["change_percent"], row["monthly_amount"]
        return cls(
            row["event_id"], row["kind"], row["scope"], row["scope_value"], row["starts_on"], row["ends_on"],
            None if change is None else float(change), None if amount is None else float(amount), row["currency"],
        )  # fmt: skip

    def covers(self, leaf: Leaf) -> bool:
        """Whether the leaf lies in the scope. Forecasts do not tell accounts apart: never those."""
        if self.currency and self.currency != leaf.currency:
            return False
        if self.scope == "total":
            return True
        column = {
            "department": leaf.department,
            "cost_center": leaf.cost_center_id,
            "provider": leaf.provider,
            "service": leaf.service_name,
        }.get(self.scope)
        return column is not None and column == self.scope_value

    def assumption(self) -> str:
        change = f"{self.change_percent:+g} %" if self.change_percent is not None else ""
        amount = f"{self.monthly_amount:+,.2f} {self.currency} a month" if self.monthly_amount is not None else ""
        return f"planned event {self.event_id} ({self.kind}) from {self.starts_on} {change} {amount}".strip()


def planned_changes(events: list[Event], leaves: list[Leaf], points: Values, days: list[date]) -> Values:
    """What the events add to each leaf and day, (leaf, day). `points` is the forecast without them."""
    change = np.zeros_like(points)
    for event in events:
        active = np.array([event.starts_on <= day < event.ends_on for day in days])
        inside = [at for at, leaf in enumerate(leaves) if event.covers(leaf)]
        usage = [at for at in inside if not leaves[at].is_scheduled]
        if event.kind == "credits_end":
            for at in inside:
                if leaves[at].service_name == "~credit":
                    change[at] -= np.where(active, points[at], 0.0)
        if event.change_percent is not None:
            for at in usage:
                change[at] += np.where(active, points[at] * event.change_percent / 100, 0.0)
        if event.monthly_amount is not None and usage:
            weights = np.abs(points[usage]).sum(axis=1)
            weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(usage), 1 / len(usage))
            daily = np.array([event.monthly_amount / monthrange(day.year, day.month)[1] for day in days]) * active
            for at, weight in zip(usage, weights, strict=True):
                change[at] += weight * daily
    return change
