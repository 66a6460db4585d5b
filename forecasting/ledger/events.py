"""Planned events (decisions/planned_events.csv) on top of every scenario: a change in per cent, or an amount a month.

A percentage changes the usage of the leaves in its scope from its first day to before its end; an amount is spread over
the days of each month, and over the scope's leaves by what they cost. The end of credits stops scheduled credits.
History is forecast without the events that are in it already, so that none is counted twice.
A leaf may lie in a scope in part: an account, or a service too small for a leaf, by its share of newest costs.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from forecasting.ledger.panel import OTHER, Leaf
from forecasting.series import Series, Values

LEAST_FACTOR = 0.05  # an event that leaves less than this has switched its scope off


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
    centers: frozenset[str] = frozenset()  # cost centres of a business unit
    decided: str = ""  # the amount as it was decided, where that was in another currency

    @classmethod
    def of(cls, row: dict[str, Any], units: Mapping[str, frozenset[str]]) -> Event:
        """`units` are the cost centres of each business unit."""
        change, amount = row["change_percent"], row["monthly_amount"]
        return cls(
            row["event_id"], row["kind"], row["scope"], row["scope_value"], row["starts_on"], row["ends_on"],
            None if change is None else float(change), None if amount is None else float(amount), row["currency"],
            units.get(row["scope_value"], frozenset()) if row["scope"] == "business_unit" else frozenset(),
        )  # fmt: skip

    def part_of(self, leaf: Leaf, mix: pl.DataFrame, named: frozenset[str]) -> float:
        """Which part of the leaf lies in the scope, 0 to 1.

        `mix` are newest costs by x_source, sub_account_id, service_name, cost_center_id, currency; `named` the services
        that have leaves of their own beside it.
        """
        if self.currency and self.currency != leaf.currency:
            return 0.0
        column = {
            "department": leaf.department,
            "cost_center": leaf.cost_center_id,
            "provider": leaf.provider,
            "service": leaf.service_name,
        }.get(self.scope)
        if self.scope == "business_unit":
            return float(leaf.cost_center_id in self.centers)
        if self.scope == "total" or column == self.scope_value:
            return 1.0
        if self.scope == "sub_account" or (self.scope == "service" and leaf.service_name == OTHER):
            return _share(leaf, mix, named, "sub_account_id" if self.scope == "sub_account" else "service_name", self)
        return 0.0

    def assumption(self) -> str:
        change = f"{self.change_percent:+g} %" if self.change_percent is not None else ""
        amount = f"{self.monthly_amount:+,.2f} {self.currency} a month" if self.monthly_amount is not None else ""
        decided = f"({self.decided})" if self.decided else ""
        return f"planned event {self.event_id} ({self.kind}) from {self.starts_on} {change} {amount} {decided}".strip()


def _share(leaf: Leaf, mix: pl.DataFrame, named: frozenset[str], column: str, event: Event) -> float:
    rows = mix.filter(
        (pl.col("x_source") == leaf.x_source) & (pl.col("cost_center_id") == leaf.cost_center_id)
        & (pl.col("currency") == leaf.currency)
    )  # fmt: skip
    if leaf.service_name == OTHER:
        rows = rows.filter(~pl.col("service_name").is_in(list(named)))
    elif not leaf.is_scheduled:
        rows = rows.filter(pl.col("service_name") == leaf.service_name)
    whole = float(rows["cost"].sum())
    inside = float(rows.filter(pl.col(column) == event.scope_value)["cost"].sum())
    return min(max(inside / whole, 0.0), 1.0) if whole > 0 else 0.0


def parts_of(events: list[Event], leaves: list[Leaf], mix: pl.DataFrame) -> Values:
    """Which part of each leaf lies in each event's scope, (event, leaf)."""
    named: dict[tuple[str, str, str], set[str]] = {}
    for leaf in leaves:
        named.setdefault((leaf.x_source, leaf.cost_center_id, leaf.currency), set()).add(leaf.service_name)
    beside = [frozenset(named[leaf.x_source, leaf.cost_center_id, leaf.currency]) for leaf in leaves]
    parts = [[event.part_of(leaf, mix, own) for leaf, own in zip(leaves, beside, strict=True)] for event in events]
    return np.array(parts).reshape(len(events), len(leaves))


def in_billed_currency(
    events: list[Event], usage: Mapping[Leaf, Series], mix: pl.DataFrame, rates: Mapping[str, float]
) -> list[Event]:
    """Amounts in a currency that their scope does not bill, in the one that most of it is billed in.

    `rates` are the newest into the reporting currency; where one lacks the event stays as it is, and changes nothing.
    """
    leaves, found = list(usage), []
    sizes = np.array([np.abs(one.values[-28:]).sum() * rates.get(leaf.currency, 0.0) for leaf, one in usage.items()])
    for event in events:
        if (
            event.monthly_amount
            and event.currency
            and event.currency in rates
            and not parts_of([event], leaves, mix).any()
        ):
            weights: dict[str, float] = {}
            inside = parts_of([replace(event, currency=None)], leaves, mix)[0] * sizes
            for leaf, weight in zip(leaves, inside, strict=True):
                weights[leaf.currency] = weights.get(leaf.currency, 0.0) + float(weight)
            billed = max(sorted(weights), key=lambda currency: weights[currency], default="")
            if weights.get(billed):
                amount = round(event.monthly_amount * rates[event.currency] / rates[billed], 2)
                decided = f"{event.monthly_amount:+,.2f} {event.currency}"
                event = replace(event, monthly_amount=amount, currency=billed, decided=decided)
        found.append(event)
    return found


def without_events(usage: dict[Leaf, Series], events: list[Event], mix: pl.DataFrame) -> dict[Leaf, Series]:
    """Histories as they would be without the events that are in them: what the models see.

    Divided by what an event changes them by, less its amount; where it switched them off there is nothing to restore.
    """
    parts = parts_of(events, list(usage), mix)
    sizes = np.array([np.abs(one.values[-28:]).sum() for one in usage.values()])
    found = dict(usage)
    for at, (leaf, series) in enumerate(usage.items()):
        count = len(series.values)
        days = series.periods(1 - count, count)
        factor, amount = np.ones(count), np.zeros(count)
        for event, part in zip(events, parts, strict=True):
            if not part[at] or event.starts_on > days[-1] or event.ends_on <= days[0]:
                continue
            active = np.array([event.starts_on <= day < event.ends_on for day in days])
            factor += active * part[at] * (event.change_percent or 0.0) / 100
            if event.monthly_amount is not None and (weights := sizes * part).sum() > 0:
                daily = np.array([event.monthly_amount / monthrange(day.year, day.month)[1] for day in days])
                amount += active * daily * weights[at] / weights.sum()
        if (factor == 1).all() and not amount.any():
            continue
        restored = (series.values - amount) / np.maximum(factor, LEAST_FACTOR)
        usual = np.where(factor > LEAST_FACTOR, restored, series.values)
        usual = np.where(series.values >= 0, np.maximum(usual, 0), usual)
        notes = (*series.notes, "planned events are taken out of its history")
        found[leaf] = replace(series, values=usual, notes=notes)
    return found


def planned_changes(events: list[Event], parts: Values, leaves: list[Leaf], points: Values, days: list[date]) -> Values:
    """What the events add to each leaf and day, (leaf, day). `points` is the forecast without them."""
    change = np.zeros_like(points)
    usage = np.array([not leaf.is_scheduled for leaf in leaves])
    credit = np.array([leaf.service_name == "~credit" for leaf in leaves])
    for event, part in zip(events, parts, strict=True):
        active = np.array([event.starts_on <= day < event.ends_on for day in days])
        if event.kind == "credits_end":
            change -= np.outer(part * credit, active) * points
        inside = part * usage
        if event.change_percent is not None:
            change += np.outer(inside, active) * points * event.change_percent / 100
        if event.monthly_amount is not None and inside.any():
            weights = np.abs(points).sum(axis=1) * inside
            weights = weights / weights.sum() if weights.sum() > 0 else inside / inside.sum()
            daily = np.array([event.monthly_amount / monthrange(day.year, day.month)[1] for day in days]) * active
            change += np.outer(weights, daily)
    return change
