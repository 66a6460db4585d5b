"""One vintage: what leaves, teams, departments, providers and currencies will cost, by day and month, three scenarios.

All of it is one matrix of leaves × days over twelve months. Days to the end of the month that holds the 90th come from
the daily models; later months from the monthly ones, spread evenly. Points are rounded to 1/10,000 at the leaves and
summed from there, so that every level adds up exactly, in every scenario.
`likely` is the median; `conservative` and `aggressive` are the dear and the cheap end of the 80 % interval of the
currency's total, shared out over the leaves by how uncertain they are.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecasting.engine import days_since_sunday, forecast_panel
from forecasting.hierarchy import node_bands
from forecasting.intervals import Band
from forecasting.ledger.events import Event, parts_of, planned_changes, without_events
from forecasting.ledger.panel import Leaf, LedgerPanel, monthly_series, usage_series
from forecasting.ledger.schedule import scheduled_costs
from forecasting.memory import Memory
from forecasting.results import BacktestRow, SeriesForecast
from forecasting.series import Panel, Values, period_dates

DAYS, MONTHS = 90, 12
# 90 days, the rest of the month and some lateness: the same number every day, so that models are asked the same.
LONGEST_WAY = 125
LEVELS = ("leaf", "cost_center", "department", "provider", "service", "total")


@dataclass(frozen=True)
class Calendar:
    """The days after the first source's last known one, to the end of the twelfth month."""

    days: list[date]
    months: list[date]
    covered: int  # days that the daily models forecast, from the first on

    @cached_property
    def month_of(self) -> NDArray[np.int64]:
        """Per day the place of its month."""
        return np.array([self.months.index(day.replace(day=1)) for day in self.days])

    def by_month(self, values: Values) -> Values:
        """(…, day) summed to (…, month)."""
        firsts = np.searchsorted(self.month_of, np.arange(len(self.months)))
        return np.asarray(np.add.reduceat(values, firsts, axis=-1))


@dataclass(frozen=True)
class Node:
    level: str
    about: Leaf  # with "" where the level does not say
    rows: tuple[int, ...]  # its leaves' rows in the matrix

    @property
    def series_id(self) -> str:
        if self.level == "leaf":
            return self.about.series_id
        value = getattr(self.about, {"provider": "provider", "service": "service_name", "department": "department",
                                     "cost_center": "cost_center_id"}.get(self.level, "currency"))  # fmt: skip
        return f"total|{value}" if self.level == "total" else f"{self.level}|{value}|{self.about.currency}"


@dataclass(frozen=True)
class Outlook:
    """Everything that a vintage lands; arrays are (leaf, day) of the calendar."""

    calendar: Calendar
    leaves: list[Leaf]
    nodes: list[Node]
    points: dict[str, Values]  # per scenario
    scheduled: Values
    planned: Values
    actuals: Values  # (leaf, month): what is known of the months already
    offsets: list[dict[str, tuple[Values, Values]]]  # per node: lo80 … hi95 from its point, by day and by month
    forecasts: dict[str, SeriesForecast]  # of usage leaves, by series id
    backtests: list[BacktestRow]
    events: list[Event]
    parts: Values  # (event, leaf): how much of the leaf lies in the event's scope


def outlook(
    panel: LedgerPanel,
    events: list[Event],
    mix: pl.DataFrame,
    pool: str,
    seed: int,
    workers: int,
    progress: Callable[[str], None],
    memory: Memory | None = None,
) -> Outlook:
    """Forecast the ledger's panel. The same panel, events and seed give the same numbers, with and without memory.

    `mix` are newest costs by account, service and cost centre (`Event.part_of`).
    """
    calendar = _calendar(panel)
    usage = without_events(usage_series(panel), events, mix)
    progress(f"forecast   {len(usage)} usage series to {calendar.days[calendar.covered - 1]}, {MONTHS} months")
    horizon = max(LONGEST_WAY, *((calendar.days[calendar.covered - 1] - one.end).days for one in usage.values()))
    shift = days_since_sunday(panel.as_of)
    daily = forecast_panel(
        Panel(list(usage.values())), horizon, pool=pool, seed=seed, workers=workers, memory=memory, shift=shift
    )
    by_month = [full for series in usage.values() if (full := monthly_series(series))]
    monthly = forecast_panel(Panel(by_month), MONTHS + 2, pool=pool, seed=seed, workers=workers, memory=memory)
    found = {f.series.unique_id: f for f in daily.series}
    later = {f.series.unique_id: f for f in monthly.series}
    modelled = list(usage)
    points = np.stack([_path(found[leaf.series_id], later.get(leaf.series_id), calendar) for leaf in modelled])
    schedule = scheduled_costs(panel, calendar.days[-1], _usage_by_month(panel, modelled, points, calendar))
    leaves = [*modelled, *schedule]
    scheduled = np.concatenate(
        [
            np.stack([_scheduled_part(found[leaf.series_id], calendar) for leaf in modelled]),
            np.array([[schedule[leaf].get(day, 0.0) for day in calendar.days] for leaf in schedule]).reshape(
                -1, len(calendar.days)
            ),
        ]
    )
    points = np.concatenate([points, scheduled[len(modelled) :]])
    parts = parts_of(events, leaves, mix)
    planned: Values = np.round(planned_changes(events, parts, leaves, points, calendar.days), 4)
    points = np.asarray(np.round(points, 4) + planned, np.float64)
    nodes = _nodes(leaves)
    offsets = _offsets(nodes, [found.get(leaf.series_id) for leaf in leaves],
                       [later.get(leaf.series_id) for leaf in leaves], calendar)  # fmt: skip
    scenarios: dict[str, Values] = {"likely": points} | {
        name: np.round(points + _scenario(nodes, offsets, calendar, leaves, side), 4)
        for name, side in (("conservative", 1), ("aggressive", 0))
    }
    actuals = np.stack([_actuals(panel, leaf, calendar.months) for leaf in leaves]).round(4)
    return Outlook(calendar, leaves, nodes, scenarios, scheduled, planned, actuals, offsets, found,
                   [*daily.backtest, *monthly.backtest], events, parts)  # fmt: skip


def _calendar(panel: LedgerPanel) -> Calendar:
    first = min(panel.ends.values()) + timedelta(days=1)
    ninety = panel.as_of + timedelta(days=DAYS)
    until = ninety.replace(day=monthrange(ninety.year, ninety.month)[1])
    months = period_dates(first.replace(day=1), "M", 0, MONTHS)
    last = months[-1].replace(day=monthrange(months[-1].year, months[-1].month)[1])
    days = period_dates(first, "D", 0, (last - first).days + 1)
    return Calendar(days, months, (until - first).days + 1)


def _path(daily: SeriesForecast, monthly: SeriesForecast | None, calendar: Calendar) -> Values:
    """The daily forecast, then each month's forecast evenly over its days; without one, the last 28 days' mean."""
    out = np.zeros(len(calendar.days))
    ahead = (daily.dates[0] - calendar.days[0]).days
    out[ahead : calendar.covered] = daily.point[: calendar.covered - ahead]
    usual = float(np.mean(daily.point[-28:]))
    expected = dict(zip(monthly.dates, monthly.point, strict=True)) if monthly else {}
    last = calendar.days[calendar.covered - 1].replace(day=1)
    lengths = {month: monthrange(month.year, month.month)[1] for month in calendar.months}
    # Hand-over: the monthly forecast starts at the level on which the daily one ends, and ends on its own.
    step = 1.0
    if expected.get(last, 0.0) > 0:
        step = float(np.clip(out[: calendar.covered][-lengths[last] :].sum() / expected[last], 0.5, 2.0))
    remaining = [month for month in calendar.months if month > last]
    for at, day in enumerate(calendar.days[calendar.covered :], calendar.covered):
        month = day.replace(day=1)
        if month in expected:
            carried = 1 + (step - 1) * (1 - (remaining.index(month) + 1) / (len(remaining) + 1))
            out[at] = expected[month] * carried / lengths[month]
        else:
            out[at] = usual
    return out


def _scheduled_part(daily: SeriesForecast, calendar: Calendar) -> Values:
    out = np.zeros(len(calendar.days))
    ahead = (daily.dates[0] - calendar.days[0]).days
    out[ahead : calendar.covered] = daily.scheduled[: calendar.covered - ahead]
    return out


def _usage_by_month(
    panel: LedgerPanel, leaves: list[Leaf], points: Values, calendar: Calendar
) -> dict[tuple[str, str, str, date], float]:
    keys = ("x_source", "cost_center_id", "currency")
    known = panel.costs.filter(pl.col("stream") == "usage").group_by(*keys, pl.col("charge_date").dt.month_start())
    found = {(s, c, u, m): float(v) for s, c, u, m, v in known.agg(pl.col("cost").sum()).iter_rows()}
    for leaf, months in zip(leaves, calendar.by_month(points), strict=True):
        for month, value in zip(calendar.months, months, strict=True):
            key = (leaf.x_source, leaf.cost_center_id, leaf.currency, month)
            found[key] = found.get(key, 0.0) + float(value)
    return found


def _actuals(panel: LedgerPanel, leaf: Leaf, months: list[date]) -> Values:
    stream = "usage" if not leaf.is_scheduled else leaf.service_name.removeprefix("~")
    rows = panel.costs.filter(
        (pl.col("x_source") == leaf.x_source) & (pl.col("provider") == leaf.provider)
        & (pl.col("cost_center_id") == leaf.cost_center_id) & (pl.col("department") == leaf.department)
        & (pl.col("currency") == leaf.currency) & (pl.col("charge_date") >= months[0]) & (pl.col("stream") == stream)
    )  # fmt: skip
    if not leaf.is_scheduled:
        rows = rows.filter(pl.col("service_name") == leaf.service_name)
    known = dict(rows.group_by(pl.col("charge_date").dt.month_start()).agg(pl.col("cost").sum()).iter_rows())
    return np.array([known.get(month, 0.0) for month in months])


def _nodes(leaves: list[Leaf]) -> list[Node]:
    nodes = [Node("leaf", leaf, (at,)) for at, leaf in enumerate(leaves)]
    for level in LEVELS[1:]:
        groups: dict[Leaf, list[int]] = {}
        for at, leaf in enumerate(leaves):
            groups.setdefault(leaf.at_level(level), []).append(at)
        nodes += [Node(level, about, tuple(rows)) for about, rows in groups.items()]
    return nodes


def _offsets(
    nodes: list[Node],
    daily: list[SeriesForecast | None],
    monthly: list[SeriesForecast | None],
    calendar: Calendar,
) -> list[dict[str, tuple[Values, Values]]]:
    """How far each bound lies from its node's point: (by covered day, by month). Scheduled leaves add nothing."""
    by_level: dict[int, tuple[Band, Band, Values]] = {}
    by_month: dict[int, tuple[Band, Values, date]] = {}
    for level in LEVELS:
        at_level = [(at, node) for at, node in enumerate(nodes) if node.level == level]
        some = [(at, [f for row in node.rows if (f := daily[row])]) for at, node in at_level]
        some = [(at, leaves) for at, leaves in some if leaves]
        if some:
            bands = node_bands([leaves for _, leaves in some], len(some[0][1][0].point))
            for (at, leaves), (days, totals) in zip(some, bands, strict=True):
                by_level[at] = (days, totals, np.sum([leaf.point for leaf in leaves], axis=0))
        more = [(at, [f for row in node.rows if (f := monthly[row])]) for at, node in at_level]
        more = [(at, leaves) for at, leaves in more if leaves]
        if more:
            bands = node_bands([leaves for _, leaves in more], MONTHS + 2)
            for (at, leaves), (months, _) in zip(more, bands, strict=True):
                point = np.sum([leaf.point for leaf in leaves], axis=0)
                by_month[at] = (months, point, leaves[0].dates[0])
    return [_offsets_of(by_level.get(at), by_month.get(at), calendar) for at in range(len(nodes))]


def _offsets_of(
    daily: tuple[Band, Band, Values] | None, monthly: tuple[Band, Values, date] | None, calendar: Calendar
) -> dict[str, tuple[Values, Values]]:
    month_of = calendar.month_of[: calendar.covered]
    found = {}
    for name in ("lo80", "hi80", "lo95", "hi95"):
        days, months = np.zeros(calendar.covered), np.zeros(MONTHS)
        if daily:
            band, totals, point = daily
            days = _bound(band, name)[: calendar.covered] - point[: calendar.covered]
            running = np.cumsum(days)
            total = _bound(totals, name)[: calendar.covered] - np.cumsum(point)[: calendar.covered]
            for month in range(int(month_of.max()) + 1):
                # The running total's own calibration at the month's end, shared out by the days' widths.
                end = int(np.flatnonzero(month_of == month)[-1])
                months[month] = total[end] * days[month_of == month].sum() / running[end] if running[end] else 0.0
        if monthly:
            band, point, first = monthly
            for at in range(int(month_of.max()) + 1, MONTHS):
                first_day = calendar.months[at]
                lead = (first_day.year - first.year) * 12 + first_day.month - first.month
                months[at] = _bound(band, name)[lead] - point[lead]
        found[name] = (days, months)
    return found


def _bound(band: Band, name: str) -> Values:
    return (band.lower if name.startswith("lo") else band.upper)[int(name[2:])]


def _scenario(
    nodes: list[Node],
    offsets: list[dict[str, tuple[Values, Values]]],
    calendar: Calendar,
    leaves: list[Leaf],
    side: int,
) -> Values:
    """What a scenario adds to each leaf and day: the total's 80 % bound by month, by the leaves' own uncertainty."""
    name = "hi80" if side else "lo80"
    month_of = calendar.month_of
    lengths = np.bincount(month_of, minlength=MONTHS)
    by_leaf = np.stack([offsets[at][name][1] for at in range(len(leaves))])
    change = np.zeros((len(leaves), len(calendar.days)))
    for at, node in enumerate(nodes):
        if node.level != "total":
            continue
        rows = list(node.rows)
        width = np.abs(by_leaf[rows])
        share = width / np.maximum(width.sum(axis=0), 1e-12)
        change[rows] = (share * offsets[at][name][1] / lengths)[:, month_of]
    return change
