"""The ledger as a panel of usage series: service × cost centre of a source, small ones pooled, days completed.

Leaves hold at least 0.5 % of their currency's usage; the rest of a cost centre's services at a source is one leaf
`~other`. A series ends on the source's last day that is known well enough; what is known in part is completed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from forecasting.series import DAILY, LONGEST, MONTHLY, Series

LEAST_SHARE = 0.005
OTHER = "~other"
KEYS = ("x_source", "provider", "service_name", "cost_center_id", "department", "currency")


@dataclass(frozen=True)
class Leaf:
    x_source: str
    provider: str
    service_name: str
    cost_center_id: str
    department: str
    currency: str

    @property
    def series_id(self) -> str:
        return f"leaf|{self.x_source}|{self.provider}|{self.service_name}|{self.cost_center_id}|{self.currency}"

    @property
    def is_scheduled(self) -> bool:
        """Whether it comes by schedule (`~fee`, `~tax`, …) and not from a model."""
        return self.service_name.startswith("~") and self.service_name != OTHER

    def at_level(self, level: str) -> Leaf:
        """What a level above keeps of it; the rest is empty. The currency always stays: no two are ever added."""
        kept = {"provider": ("provider",), "department": ("department",), "service": ("service_name",),
                "cost_center": ("cost_center_id", "department")}.get(level, ())  # fmt: skip
        return Leaf(*(getattr(self, key) if key in (*kept, "currency") else "" for key in KEYS))


@dataclass(frozen=True)
class LedgerPanel:
    """Costs by day and key (columns KEYS, charge_date, stream, cost), completed; and each source's last known day."""

    costs: pl.DataFrame
    ends: dict[tuple[str, str], date]  # (source, currency) -> last day known well enough
    completed: dict[tuple[str, str], int]  # days that were completed

    @property
    def as_of(self) -> date:
        return max(self.ends.values())


def ledger_panel(rows: pl.DataFrame) -> LedgerPanel | None:
    """From the rows of int_forecasts__costs; None when nothing is known of any day."""
    rows = rows.with_columns(pl.col("cost").cast(pl.Float64))
    known = rows.filter(pl.col("completion").is_not_null())
    if known.is_empty():
        return None
    ends: dict[tuple[str, str], date] = {}
    completed: dict[tuple[str, str], int] = {}
    for (source, currency), days in rows.group_by("x_source", "currency", maintain_order=True):
        late = days.filter(pl.col("completion").is_null() & (pl.col("charge_date") > _recent(days)))[
            "charge_date"
        ].min()
        usable = days.filter(
            pl.col("completion").is_not_null() & (True if late is None else pl.col("charge_date") < late)
        )
        if usable.is_empty():
            continue
        ends[str(source), str(currency)] = _newest(usable)
        completed[str(source), str(currency)] = usable.filter(pl.col("completion") > 1.001)["charge_date"].n_unique()
    last = pl.DataFrame(
        [(*key, day) for key, day in ends.items()],
        schema={"x_source": pl.String, "currency": pl.String, "last_day": pl.Date},
        orient="row",
    )
    costs = (
        rows.join(last, on=["x_source", "currency"])
        .filter(pl.col("charge_date") <= pl.col("last_day"))
        .with_columns((pl.col("cost") * pl.col("completion").fill_null(1.0)).alias("cost"))
        .pipe(_pooled)
        .group_by(*KEYS, "stream", "charge_date")
        .agg(pl.col("cost").sum())
        .sort(*KEYS, "stream", "charge_date")
    )
    return LedgerPanel(costs, ends, completed)


def _recent(days: pl.DataFrame) -> date:
    """Gaps longer ago than this are history, not lateness."""
    return _newest(days) - timedelta(days=45)


def _newest(days: pl.DataFrame) -> date:
    newest = days["charge_date"].max()
    assert isinstance(newest, date)
    return newest


def _pooled(costs: pl.DataFrame) -> pl.DataFrame:
    """Give the services of small leaves the name `~other`; only usage is modelled by service."""
    usage = costs.filter(pl.col("stream") == "usage")
    sizes = usage.group_by("x_source", "service_name", "cost_center_id", "currency").agg(pl.col("cost").sum().abs())
    shares = sizes.with_columns(share=pl.col("cost") / pl.col("cost").sum().over("currency"))
    large = shares.filter(pl.col("share") >= LEAST_SHARE).drop("cost", "share").with_columns(is_large=pl.lit(True))
    return costs.join(large, on=["x_source", "service_name", "cost_center_id", "currency"], how="left").with_columns(
        pl.when(pl.col("is_large").fill_null(False) | (pl.col("stream") != "usage"))
        .then("service_name")
        .otherwise(pl.lit(OTHER))
        .alias("service_name")
    )


def usage_series(panel: LedgerPanel) -> dict[Leaf, Series]:
    """A daily series per leaf, from its first cost to its source's last known day; days without rows cost nothing."""
    found = {}
    usage = panel.costs.filter(pl.col("stream") == "usage")
    for key, rows in usage.group_by(*KEYS, maintain_order=True):
        leaf = Leaf(*(str(part) for part in key))
        end = panel.ends[leaf.x_source, leaf.currency]
        first = rows["charge_date"].min()
        assert isinstance(first, date)
        start = max(first, _next_month(end - timedelta(days=LONGEST[DAILY] - 1)))
        values = np.zeros((end - start).days + 1)
        inside = rows.filter(pl.col("charge_date") >= start)
        values[(inside["charge_date"] - start).dt.total_days().to_numpy()] = inside["cost"].to_numpy()
        late = panel.completed.get((leaf.x_source, leaf.currency), 0)
        notes = (
            (f"the last {late} days completed from how complete this source's days were at their age",) if late else ()
        )
        found[leaf] = Series(leaf.series_id, DAILY, start, values, notes)
    return found


def _next_month(day: date) -> date:
    """The first of a month, so that a long history does not begin anew every day."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def monthly_series(daily: Series) -> Series | None:
    """The full months of a daily series; None when there is not one."""
    days = daily.periods(1 - len(daily.values), len(daily.values))
    frame = pl.DataFrame({"day": days, "y": daily.values}).group_by(pl.col("day").dt.month_start().alias("month"))
    months = frame.agg(pl.len(), pl.col("y").sum()).sort("month")
    full = months.filter(pl.col("len") == pl.col("month").dt.month_end().dt.day())
    if full.is_empty():
        return None
    return Series(daily.unique_id, MONTHLY, full["month"][0], full["y"].to_numpy(), daily.notes)
