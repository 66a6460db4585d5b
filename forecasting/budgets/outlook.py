"""How budgets will end, from the forecast engine on each budget's own costs; what to move and to propose from that.

Alerts of a forecast and adjustments are kept once they were made: a later run adds to them and never takes one back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import duckdb
import numpy as np
import polars as pl

from forecasting.anomalies.alarms import usual_day
from forecasting.budgets.distribution import Total
from forecasting.budgets.reallocation import Position, reallocate
from forecasting.engine import days_since_sunday, forecast_panel
from forecasting.memory import Memory
from forecasting.results import SeriesForecast
from forecasting.series import panel_of
from pipelines.landing.outlook_checks import period_days
from pipelines.landing.results import land_result, landed_result
from pipelines.settings import Workspace

LEAST_HISTORY = 35  # days, before a forecast raises an alert (forecast.md 5)
# Reference domain.md 6: when reallocation begins, and on which quantile of the forecast it works.
TRIGGER, TRIGGER_CHANCE, TRIGGER_DAYS, QUANTILE = 0.15, 0.80, 5, 0.70
_MATERIAL = Decimal("0.005")  # of the budget: a forecast that passes a threshold by less is not worth an alert
_CENT, _RATIO = Decimal("0.01"), Decimal("0.000001")
_HORIZONS = (31, 92, 366)  # days: a month, a quarter, a year; the same every day, so that models are asked the same


@dataclass(frozen=True)
class Outlook:
    """One running budget: what it has spent until `as_of`, and the distribution of the rest of its period."""

    budget: dict[str, Any]
    as_of: date
    actual: Decimal
    rest: Total
    expected_share: float  # of the period's cost that usually falls on the days until as_of
    history_days: int
    source: SeriesForecast

    @property
    def key(self) -> tuple[str, str]:
        return self.budget["budget_id"], self.budget["period"]

    @property
    def elapsed_days(self) -> int:
        starts: date = self.budget["starts_on"]
        return max((self.as_of - starts).days + 1, 0)

    def chance_above(self, amount: Decimal) -> float:
        return self.rest.chance_above(float(amount - self.actual))

    @property
    def expected(self) -> Decimal:
        return self.actual + _money(self.rest.middle)


def look_ahead(workspace: Workspace) -> str:
    """Forecast every running budget, move budget where the rules allow it, raise forecast alerts; land all of it."""
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        budgets = con.execute("select * from int_budgets__current order by budget_id, period").pl().to_dicts()
        costs = con.execute("select * from int_budgets__scope_costs order by scope, scope_value, charge_date").pl()
        thresholds = con.execute("select * from stg_decisions__budget_thresholds order by all").pl().to_dicts()
        ceilings = con.execute(
            "select budget_id, period, max(amount) + sum(raised_per_day * days) from int_budgets__raised group by 1, 2"
        ).fetchall()
    memory = Memory(workspace.scratch / "budget_memory.parquet")
    outlooks = list(_outlooks(budgets, costs, memory))
    memory.keep()
    adjustments = _with_reallocations(landed_result(workspace, "budget_adjustments"), outlooks)
    adjustments = _with_proposals(adjustments, outlooks, budgets, costs)
    amounts = adjusted_amounts(budgets, adjustments)
    land_result(workspace, "budget_adjustments", adjustments)
    land_result(workspace, "budget_outlooks", [_outlook_row(one, amounts[one.key]) for one in outlooks])
    raised = {(budget_id, period): amount for budget_id, period, amount in ceilings}
    alerts = with_forecast_alerts(landed_result(workspace, "budget_forecast_alerts"), outlooks, thresholds, raised)
    land_result(workspace, "budget_forecast_alerts", alerts)
    at_risk = sum(one.chance_above(amounts[one.key]) >= 0.5 for one in outlooks)
    return f"budgets    {len(outlooks)} running, {at_risk} of them more likely than not to be overrun"


def _outlooks(budgets: Sequence[dict[str, Any]], costs: pl.DataFrame, memory: Memory) -> Iterable[Outlook]:
    """Of budgets whose period is under way. A scope with a cost that could not be converted has none: it is unknown."""
    if not len(costs):
        return
    as_of = costs["charge_date"].max()
    began = costs["charge_date"].min()
    assert isinstance(as_of, date) and isinstance(began, date)  # the column is one of dates
    running = [
        budget
        for budget in budgets
        if began <= budget["starts_on"] <= as_of + timedelta(1) < budget["ends_on"] and budget["amount"] > 0
    ]
    if not running:
        return
    scopes = {(b["scope"], b["scope_value"] or "") for b in running}
    named = {f"{scope}|{value}": (scope, value) for scope, value in sorted(scopes)}
    known = {}
    for name, (scope, value) in named.items():
        rows = costs.filter((pl.col("scope") == scope) & (pl.col("scope_value") == value))
        if len(rows) and not rows["cost"].null_count():
            known[name] = rows
    if not known:
        return
    frames = [rows.select(pl.lit(name).alias("unique_id"), ds="charge_date", y=pl.col("cost").cast(pl.Float64))
              for name, rows in known.items()]  # fmt: skip
    longest = max((b["ends_on"] - as_of).days - 1 for b in running)
    horizon = next(days for days in _HORIZONS if longest <= days or days == _HORIZONS[-1])
    panel = panel_of(_until(pl.concat(frames), as_of))
    forecast = forecast_panel(panel, horizon, pool="fast", workers=1, memory=memory, shift=days_since_sunday(as_of))
    found = {one.series.unique_id: one for one in forecast.series}
    for budget in running:
        name = f"{budget['scope']}|{budget['scope_value'] or ''}"
        if name not in found:
            continue
        rows = known[name]
        days = (budget["ends_on"] - as_of).days - 1
        inside = rows.filter((pl.col("charge_date") >= budget["starts_on"]) & (pl.col("charge_date") <= as_of))
        yield Outlook(
            budget=budget,
            as_of=as_of,
            actual=sum(inside["cost"].to_list(), Decimal(0)),
            rest=_total(found[name], min(days, horizon)),
            expected_share=usual_share(rows, budget["starts_on"], budget["ends_on"], as_of),
            history_days=(as_of - rows["charge_date"][0]).days + 1,
            source=found[name],
        )


def _until(table: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Every series up to the same day: a scope that costs nothing any more is a series of zeros at its end."""
    ends = table.select("unique_id").unique().with_columns(ds=pl.lit(as_of), y=pl.lit(0.0))
    return pl.concat([table, ends]).group_by("unique_id", "ds").agg(pl.col("y").sum())


def _total(found: SeriesForecast, days: int) -> Total:
    at, band = days - 1, found.total_band
    return Total(
        *(float(values[at]) for values in (band.lower[95], band.lower[80], found.total, band.upper[80], band.upper[95]))
    )


def usual_share(rows: pl.DataFrame, starts: date, ends: date, as_of: date) -> float:
    """How much of a period's cost usually falls on its days until `as_of`, by the weekdays before the period began.

    Without a week of history before it every day counts the same.
    """
    days = [starts + timedelta(number) for number in range((ends - starts).days)]
    before = rows.filter(pl.col("charge_date") < starts)
    weights = np.ones(len(days))
    if len(before) >= 7:
        first, last = before["charge_date"][0], before["charge_date"][-1]
        values = np.zeros((last - first).days + 1)
        places = (before["charge_date"] - first).dt.total_days().to_numpy()
        values[places] = before["cost"].cast(pl.Float64).to_numpy()
        weights = np.array([max(usual_day(values, len(values), (day - first).days)[0], 0.0) for day in days])
    passed = sum(weight for day, weight in zip(days, weights, strict=True) if day <= as_of)
    return float(passed / weights.sum()) if weights.sum() else (as_of - starts).days / len(days)


def with_forecast_alerts(
    kept: Sequence[dict[str, Any]],
    outlooks: Sequence[Outlook],
    thresholds: Sequence[dict[str, Any]],
    raised: Mapping[tuple[str, str], Decimal],
) -> list[dict[str, Any]]:
    """Alerts so far and the new ones: a threshold of a budget's version that its forecast passes, once.

    `raised` are the amounts of budgets with what planned events add to them.
    """
    alerts = {(a["budget_id"], a["period"], a["version"], a["threshold_percent"]): a for a in kept}
    by_budget = {(one.budget["budget_id"], one.budget["period"], one.budget["version"]): one for one in outlooks}
    for limit in thresholds:
        one = by_budget.get((limit["budget_id"], limit["period"], limit["version"]))
        key = (limit["budget_id"], limit["period"], limit["version"], limit["threshold_percent"])
        if one is None or key in alerts or one.history_days < LEAST_HISTORY or limit["threshold_percent"] < 100:
            continue
        amount = raised.get(one.key, one.budget["amount"])
        reached = amount * limit["threshold_percent"] / 100
        if one.expected >= reached + amount * _MATERIAL:
            alerts[key] = {
                **{name: limit[name] for name in ("budget_id", "period", "version", "threshold_percent")},
                "alert_date": one.as_of,
                "expected_cost": one.expected,
                "probability": _ratio(one.chance_above(reached)),
            }
    return [alerts[key] for key in sorted(alerts)]


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


def _with_reallocations(kept: list[dict[str, Any]], outlooks: Sequence[Outlook]) -> list[dict[str, Any]]:
    """Per department and period: begins when one budget surely leaves its band, at most once per month."""
    adjustments = list(kept)
    groups: dict[tuple[str, str], list[Outlook]] = {}
    for one in outlooks:
        if one.budget["department"]:
            groups.setdefault((one.budget["department"], one.budget["period"]), []).append(one)
    for (department, period), members in sorted(groups.items()):
        valid_from = members[0].as_of + timedelta(1)
        fired = {(a["period"], f"{a['valid_from']:%Y-%m}", n) for a in kept if a["kind"] == "reallocation"
                 for n in (a["from_budget_id"], a["to_budget_id"])}  # fmt: skip
        names = {member.budget["budget_id"] for member in members}
        if any((period, f"{valid_from:%Y-%m}", name) in fired for name in names):
            continue
        amounts = adjusted_amounts([member.budget for member in members], kept)
        leaving = [member for member in members if leaves_its_band(member, amounts[member.key])]
        if not leaving:
            continue
        positions = [
            Position(
                member.budget["budget_id"],
                _cents(member.budget["amount"]),
                _cents(amounts[member.key]),
                _cents(member.actual + _money(member.rest.quantile(QUANTILE))),
                member.budget["priority"],
                member.budget["is_locked"] == "yes",
            )
            for member in members
        ]
        why = ", ".join(sorted(member.budget["budget_id"] for member in leaving))
        for transfer in reallocate(positions):
            amount = transfer.cents * _CENT
            before = amounts[transfer.receiver, period]
            amounts[transfer.receiver, period] = before + amount
            adjustments.append(
                _adjustment(
                    kind="reallocation",
                    period=period,
                    from_budget_id=transfer.donor,
                    to_budget_id=transfer.receiver,
                    amount=amount,
                    amount_before=before,
                    amount_after=before + amount,
                    reason=f"performance_variance within {department}: {why} will miss by 15 % or more",
                    valid_from=valid_from,
                    approval="none",
                    status="applied",
                )
            )
    return adjustments


def leaves_its_band(one: Outlook, amount: Decimal) -> bool:
    """|variance| >= 15 % with a probability of at least 80 %, after five days of the period."""
    if one.elapsed_days < TRIGGER_DAYS or not amount:
        return False
    variance = float((one.expected - amount) / amount)
    edge = amount * Decimal(repr(1 + TRIGGER if variance > 0 else 1 - TRIGGER))
    chance = one.chance_above(edge) if variance > 0 else 1 - one.chance_above(edge)
    return abs(variance) >= TRIGGER and chance >= TRIGGER_CHANCE


def _with_proposals(
    adjustments: list[dict[str, Any]],
    outlooks: Sequence[Outlook],
    budgets: Sequence[dict[str, Any]],
    costs: pl.DataFrame,
) -> list[dict[str, Any]]:
    """A budget for the next month of every scope whose month is budgeted: what is likely, and the other scenarios."""
    made = {(row["kind"], row["period"], row["to_budget_id"]) for row in adjustments}
    budgeted = {(b["budget_id"], b["period"]) for b in budgets}
    for one in outlooks:
        period = f"{one.as_of + timedelta(1):%Y-%m}"
        days = period_days(one.budget["period"])
        if days is None or (days[1] - days[0]).days > 31 or one.elapsed_days:
            continue
        name = one.budget["budget_id"]
        if ("proposal", period, name) in made or (name, period) not in budgeted:
            continue
        before = _month_costs(costs, one)
        adjustments = [
            *adjustments,
            _adjustment(
                kind="proposal",
                period=period,
                to_budget_id=name,
                amount=one.expected - one.budget["amount"],
                amount_before=one.budget["amount"],
                amount_after=one.expected,
                conservative_amount=one.actual + _money(one.rest.quantile(0.90)),
                aggressive_amount=one.actual + _money(one.rest.quantile(0.10)),
                history_amount=_money(float(before[-1])) if before else None,
                growth_ratio=_ratio(before[-1] / before[-2] - 1) if len(before) > 1 and before[-2] else None,
                confidence=None if one.source.accuracy is None else _ratio(max(one.source.accuracy, 0.0)),
                reason=f"likely cost by {one.source.model}",
                valid_from=one.budget["starts_on"],
                approval="owner",
                status="proposed",
            ),
        ]
    return sorted(adjustments, key=lambda row: (row["valid_from"], row["kind"], row["adjustment_id"]))


def _month_costs(costs: pl.DataFrame, one: Outlook) -> list[float]:
    """Cost per day of each whole month before, times the days of the budgeted month: months differ in length."""
    mine = (pl.col("scope") == one.budget["scope"]) & (pl.col("scope_value") == (one.budget["scope_value"] or ""))
    rows = costs.filter(mine & (pl.col("charge_date") < one.budget["starts_on"]))
    months = rows.group_by(pl.col("charge_date").dt.month_start().alias("month")).agg(
        pl.col("cost").cast(pl.Float64).sum(), pl.col("charge_date").n_unique().alias("days")
    )
    length = (one.budget["ends_on"] - one.budget["starts_on"]).days
    return [cost / days * length for _, cost, days in months.sort("month").iter_rows()]


def _adjustment(**fields: Any) -> dict[str, Any]:
    """A row with its id: the same move on the same day is the same adjustment."""
    empty = (
        "from_budget_id",
        "conservative_amount",
        "aggressive_amount",
        "history_amount",
        "growth_ratio",
        "confidence",
    )
    names = ("kind", "period", "from_budget_id", "to_budget_id", "valid_from")
    identity = "|".join(str(fields.get(name)) for name in names)
    row = dict.fromkeys(empty) | fields
    return row | {"adjustment_id": hashlib.sha256(identity.encode()).hexdigest()[:12]}


def _outlook_row(one: Outlook, amount: Decimal) -> dict[str, Any]:
    accuracy = one.source.accuracy
    return {
        **{name: one.budget[name] for name in ("budget_id", "period", "version")},
        "as_of_date": one.as_of,
        "expected_share": _ratio(one.expected_share),
        "forecast_rest": _money(one.rest.middle),
        "rest_lo80": _money(one.rest.lo80),
        "rest_hi80": _money(one.rest.hi80),
        "rest_lo95": _money(one.rest.lo95),
        "rest_hi95": _money(one.rest.hi95),
        "overrun_probability": _ratio(one.chance_above(amount)),
        "forecast_status": one.source.status,
        "forecast_model": one.source.model,
        "forecast_accuracy": None if accuracy is None else _ratio(accuracy),
    }


def _money(value: float) -> Decimal:
    return Decimal(repr(float(value))).quantize(_CENT, ROUND_HALF_EVEN)


def _ratio(value: float) -> Decimal:
    return Decimal(repr(float(value))).quantize(_RATIO)


def _cents(amount: Decimal) -> int:
    return int((amount * 100).to_integral_value(ROUND_HALF_EVEN))
