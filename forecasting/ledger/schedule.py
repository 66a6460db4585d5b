"""What comes by schedule: fees, support, credits, waste, adjustments repeat their last full month; tax follows usage.

A charge is expected again when it came in each of the last three full months (or in all there are). It comes on the
same days of the month; corrections are never expected. Tax is a rate: tax over usage of the last three full months.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

import polars as pl

from forecasting.ledger.panel import Leaf, LedgerPanel

_MONTHS = 3
Scheduled = dict[Leaf, dict[date, float]]


def scheduled_costs(
    panel: LedgerPanel, until: date, usage_by_month: dict[tuple[str, str, str, date], float]
) -> Scheduled:
    """Per leaf `~fee`, `~tax`, … the amount of each day after its source's last known one, to `until`.

    `usage_by_month`: (source, cost centre, currency, first of month) -> usage cost, known and forecast.
    """
    found: Scheduled = {}
    keys = ("x_source", "provider", "cost_center_id", "department", "currency", "stream")
    others = panel.costs.filter(~pl.col("stream").is_in(["usage", "correction"]))
    for key, rows in others.group_by(*keys, maintain_order=True):
        source, provider, center, department, currency, stream = (str(part) for part in key)
        end = panel.ends[source, currency]
        months = _full_months(panel, source, currency)
        if not months:
            continue
        per_month = {m: rows.filter(pl.col("charge_date").dt.month_start() == m) for m in months}
        if any(part.is_empty() for part in per_month.values()):
            continue
        last = per_month[months[-1]]
        profile = last.group_by("charge_date").agg(pl.col("cost").sum()).sort("charge_date")
        leaf = Leaf(source, provider, f"~{stream}", center, department, currency)
        rate = None
        if stream == "tax":
            usage = sum(usage_by_month.get((source, center, currency, m), 0.0) for m in months)
            rate = sum(float(part["cost"].sum()) for part in per_month.values()) / usage if usage > 0 else None
        total = float(profile["cost"].sum())
        days: dict[date, float] = {}
        day = end + timedelta(days=1)
        amounts = {d.day: float(cost) for d, cost in profile.iter_rows()}
        while day <= until:
            month = day.replace(day=1)
            length = monthrange(day.year, day.month)[1]
            # On a month's last day also comes what the last month had on days that this one has not.
            expected = amounts.get(day.day, 0.0)
            if day.day == length:
                expected += sum(cost for at, cost in amounts.items() if at > length)
            if rate is not None and total:
                expected *= rate * usage_by_month.get((source, center, currency, month), 0.0) / total
            days[day] = expected
            day += timedelta(days=1)
        found[leaf] = days
    return found


def _full_months(panel: LedgerPanel, source: str, currency: str) -> list[date]:
    """The last three months of a source of which every day is known."""
    end = panel.ends[source, currency]
    days = panel.costs.filter((pl.col("x_source") == source) & (pl.col("currency") == currency))["charge_date"]
    first: date = days.min()  # type: ignore[assignment]
    last = end.replace(day=1) if (end + timedelta(days=1)).day == 1 else (end.replace(day=1) - timedelta(days=1))
    months: list[date] = []
    month = last.replace(day=1)
    while len(months) < _MONTHS and month >= first.replace(day=1):
        months.append(month)
        month = (month - timedelta(days=1)).replace(day=1)
    return sorted(months)
