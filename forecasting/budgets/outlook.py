"""How budgets will end, from the forecast engine on each budget's own costs; what to move and to propose from that.

Alerts and adjustments are kept once they were made: a later run adds to them and never takes one back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import polars as pl

from forecasting.anomalies.alarms import usual_day
from forecasting.budgets.distribution import Total
from forecasting.budgets.plans import Plan, Plans, planned_cost, plans_of, usual_cost
from forecasting.budgets.proposals import unplanned_months, with_proposals, with_seasons
from forecasting.budgets.reallocation import Position, reallocate
from forecasting.budgets.rows import Outlook, adjusted_amounts, adjustment, cents, money, ratio
from forecasting.engine import days_since_sunday, forecast_panel
from forecasting.memory import Memory
from forecasting.results import BacktestRow, SeriesForecast
from forecasting.series import panel_of
from pipelines.landing.results import land_result, landed_result
from pipelines.settings import Workspace, is_period

LEAST_HISTORY = 35  # days, before a forecast raises an alert (forecast.md 5)
# Reference domain.md 6: when reallocation begins, and on which quantile of the forecast it works.
TRIGGER, TRIGGER_CHANCE, TRIGGER_DAYS, QUANTILE = 0.15, 0.80, 5, 0.70
_BACK = Decimal("0.10")  # a budget that money was moved for begins no other move before it came this close
_MATERIAL = Decimal("0.005")  # of the budget: a forecast that passes a threshold by less is not worth an alert
_CENT, _MILLIONTH = Decimal("0.01"), Decimal("0.000001")
_VINTAGES = 6  # how many tested forecasts say how far the interval is to be trusted (reference domain.md 6)
Seasons = Mapping[tuple[str, str], Mapping[date, float]]  # of a budget's period: by the first day of a month
Ceilings = Mapping[tuple[str, str], Decimal]  # amounts of budgets with what planned events add to them
# Completed by what is usually late, and until when a scope's costs are known well enough to count.
_COSTS = """
select scope, scope_value, charge_date, cast(cost + coalesce(late_cost, 0) as decimal(28, 12)) as cost, counted_until
from int_budgets__scope_costs inner join int_budgets__counted using (scope, scope_value)
order by scope, scope_value, charge_date
"""
_HORIZONS = (31, 92, 366)  # days: a month, a quarter, a year; the same every day, so that models are asked the same


def look_ahead(workspace: Workspace) -> str:
    """Forecast every running budget, move budget where the rules allow it, raise forecast alerts; land all of it."""
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        budgets = con.execute("select * from int_budgets__current order by budget_id, period").pl().to_dicts()
        costs = con.execute(_COSTS).pl()
        thresholds = con.execute("select * from stg_decisions__budget_thresholds order by all").pl().to_dicts()
        months = con.execute("select * from int_budgets__months order by all").pl().to_dicts()
        plans = plans_of(con.execute("select * from int_budgets__planned order by all").pl().iter_rows(named=True))
        centers = con.execute(
            "select cost_center_id, department, business_unit from dim_cost_centers order by all"
        ).fetchall()
        ceilings = con.execute(
            "select budget_id, period, max(amount) + sum(raised_per_day * days) from int_budgets__raised "
            "where is_current group by 1, 2"
        ).fetchall()
        reached = con.execute("select * from int_budgets__reached order by all").pl().to_dicts()
    # Before anything that may break off: what was spent is known without a forecast.
    spent = with_actual_alerts(landed_result(workspace, "budget_actual_alerts"), reached)
    land_result(workspace, "budget_actual_alerts", spent)
    memory = Memory(workspace.scratch / "budget_memory.parquet")
    as_of = costs["charge_date"].max()
    unplanned = unplanned_months(budgets, as_of + timedelta(1)) if isinstance(as_of, date) else []
    foreseen = list(outlooks_of([*budgets, *unplanned], costs, memory, seasons_of(months), plans))
    memory.keep()
    missing = {(budget["budget_id"], budget["period"]) for budget in unplanned}
    outlooks = [one for one in foreseen if one.key not in missing]
    # Money moves between, and is proposed for, periods that are not over.
    to_come = [one for one in foreseen if isinstance(as_of, date) and one.budget["ends_on"] > as_of + timedelta(1)]
    under_way = [one for one in to_come if one.key not in missing]
    kept = landed_result(workspace, "budget_adjustments")
    last_run = landed_result(workspace, "budget_outlooks")
    away = {_version_of(row) for row in last_run if row["is_away"]}
    adjustments = with_reallocations(kept, under_way, away)
    moved = {name for row in adjustments[len(kept) :] for name in _names(row)}
    indexes = {(row["budget_id"], row["period"]): row["seasonal_index"] for row in months if is_period(row["period"])}
    adjustments = with_proposals(adjustments, to_come, costs, indexes, locked_above(under_way, to_come, centers))
    if isinstance(as_of, date):
        adjustments = with_seasons(adjustments, budgets, indexes, as_of)
    adjustments.sort(key=lambda row: (row["valid_from"], row["kind"], row["adjustment_id"]))
    amounts = adjusted_amounts(budgets, adjustments)
    land_result(workspace, "budget_adjustments", adjustments)
    raised = {(budget_id, period): amount for budget_id, period, amount in ceilings}
    rows = [_outlook_row(one, amounts[one.key], expected_ratio(one, raised)) for one in outlooks]
    for one, row in zip(outlooks, rows, strict=True):
        began = _version_of(row) in away or one.key in moved
        row["is_away"] = began and not is_back(one, amounts[one.key])
    alerts = landed_result(workspace, "budget_forecast_alerts")
    alerts = with_forecast_alerts(alerts, outlooks, thresholds, raised, last_run)
    land_result(workspace, "budget_forecast_alerts", alerts)
    land_result(workspace, "budget_outlooks", rows)  # last: a run that broke off is no last run
    at_risk = sum(one.chance_above(amounts[one.key]) >= 0.5 for one in under_way)
    return f"budgets    {len(under_way)} running, {at_risk} of them more likely than not to be overrun"


def locked_above(
    outlooks: Iterable[Outlook],
    foreseen: Iterable[Outlook],
    centers: Iterable[tuple[str, str | None, str | None]],
) -> dict[str, tuple[Decimal, set[str]]]:
    """Locked budgets of the month that begins: their amounts, and the budgets of cost centres within their scopes.

    `centers` are cost centres with their department and business unit.
    """
    above: dict[str, set[tuple[str, str]]] = {}
    for center, department, unit in centers:
        scopes = {("total", ""), ("department", department or ""), ("business_unit", unit or "")}
        above.setdefault(center, set()).update(scopes)
    below = [one.budget for one in foreseen if one.budget["scope"] == "cost_center"]
    return {
        lock["budget_id"]: (
            lock["amount"],
            {
                budget["budget_id"]
                for budget in below
                if budget["period"] == lock["period"]
                and (lock["scope"], lock["scope_value"] or "") in above.get(budget["scope_value"], set())
            },
        )
        for lock in (one.budget for one in outlooks)
        if lock["is_locked"] == "yes" and is_period(lock["period"])
    }


def seasons_of(months: Iterable[dict[str, Any]]) -> Seasons:
    """The index of each month of each budget; none where two years before it tell no season."""
    seasons: dict[tuple[str, str], dict[date, float]] = {}
    for row in months:
        if row["seasonal_index"] is not None:
            key = row["budget_id"], row["period"]
            seasons.setdefault(key, {})[row["month_start"]] = float(row["seasonal_index"])
    return seasons


def outlooks_of(
    budgets: Sequence[dict[str, Any]], costs: pl.DataFrame, memory: Memory, seasons: Seasons, plans: Plans
) -> Iterable[Outlook]:
    """Of budgets whose period is under way, or over with days that do not count yet; planned events are counted in.

    A scope with a cost that could not be converted has none: it is unknown.
    """
    if not len(costs):
        return
    as_of = costs["charge_date"].max()
    began = costs["charge_date"].min()
    assert isinstance(as_of, date) and isinstance(began, date)  # the column is one of dates
    ends = costs.select(pl.concat_str("scope", pl.lit("|"), "scope_value"), "counted_until").unique()
    counted_until: dict[str, date] = dict(ends.iter_rows())
    running = [
        budget
        for budget in budgets
        if began <= budget["starts_on"] <= as_of + timedelta(1)
        and min(as_of, counted_until.get(_scope_of(budget), as_of)) + timedelta(1) < budget["ends_on"]
        and budget["amount"] > 0
    ]
    if not running:
        return
    scopes = {(b["scope"], b["scope_value"] or "") for b in running}
    named = {f"{scope}|{value}": (scope, value) for scope, value in sorted(scopes)}
    known = {}
    for name, (scope, value) in named.items():
        rows = costs.filter(
            (pl.col("scope") == scope) & (pl.col("scope_value") == value)
            & (pl.col("charge_date") <= pl.col("counted_until"))
        )  # fmt: skip
        if len(rows) and not rows["cost"].null_count():
            known[name] = rows
    if not known:
        return
    frames = []
    for name, rows in known.items():
        history = rows.select(pl.lit(name).alias("unique_id"), ds="charge_date", y=pl.col("cost").cast(pl.Float64))
        frames.append(_usual(_until(history, counted_until[name]), plans.get(named[name], ())))
    longest = max((b["ends_on"] - end).days - 1 for b in running for end in map(counted_until.__getitem__, known))
    horizon = next(days for days in _HORIZONS if longest <= days or days == _HORIZONS[-1])
    panel = panel_of(pl.concat(frames))
    forecast = forecast_panel(panel, horizon, pool="fast", workers=1, memory=memory, shift=days_since_sunday(as_of))
    found = {one.series.unique_id: one for one in forecast.series}
    held = held_of(forecast.backtest)
    for budget in running:
        name = _scope_of(budget)
        if name not in found:
            continue
        rows, counted = known[name], counted_until[name]
        days = (budget["ends_on"] - counted).days - 1
        before = max((budget["starts_on"] - counted).days - 1, 0)
        inside = rows.filter(pl.col("charge_date") >= budget["starts_on"])
        month = counted.replace(day=1)
        season = seasons.get((budget["budget_id"], budget["period"]), {})
        yield Outlook(
            budget=budget,
            as_of=counted,
            actual=sum(inside["cost"].to_list(), Decimal(0)),
            rest=_total(found[name], before, min(days, horizon), plans.get(named[name], ())),
            expected_share=usual_share(rows, budget["starts_on"], budget["ends_on"], counted, season),
            month_share=usual_share(rows, month, (month + timedelta(31)).replace(day=1), counted, {}),
            history_days=(counted - rows["charge_date"][0]).days + 1,
            source=found[name],
            held=held.get(name),
        )


def held_of(backtest: Iterable[BacktestRow]) -> dict[str, float]:
    """By series, the share of days of the last six tested forecasts that fell inside their 80 % interval."""
    tested: dict[str, list[BacktestRow]] = {}
    for row in backtest:
        if row.covered80 is not None:
            tested.setdefault(row.unique_id, []).append(row)
    newest = {name: sorted(rows, key=lambda row: row.origin)[-_VINTAGES:] for name, rows in tested.items()}
    return {
        name: sum((row.covered80 or 0.0) * row.horizon for row in rows) / sum(row.horizon for row in rows)
        for name, rows in newest.items()
    }


def _scope_of(budget: dict[str, Any]) -> str:
    return f"{budget['scope']}|{budget['scope_value'] or ''}"


def _until(table: pl.DataFrame, end: date) -> pl.DataFrame:
    """A series up to its last day that counts: a scope that costs nothing any more is one of zeros at its end."""
    ends = table.select("unique_id").unique().with_columns(ds=pl.lit(end), y=pl.lit(0.0))
    return pl.concat([table, ends]).group_by("unique_id", "ds").agg(pl.col("y").sum())


def _usual(table: pl.DataFrame, plans: Sequence[Plan]) -> pl.DataFrame:
    """A history as it would be without the events that are in it already."""
    if not plans:
        return table
    usual = [usual_cost(plans, day, cost) for day, cost in table.select("ds", "y").iter_rows()]
    return table.with_columns(y=pl.Series(usual, dtype=pl.Float64))


def _total(found: SeriesForecast, before: int, days: int, plans: Sequence[Plan]) -> Total:
    """Of the first `days`, without the middle of those `before` the period begins, with what is planned for them."""
    at, band = days - 1, found.total_band
    earlier = float(found.total[before - 1]) if before else 0.0
    planned = sum(
        planned_cost(plans, day, float(point))
        for day, point in zip(found.dates[before:days], found.point[before:days], strict=True)
    )
    points = (band.lower[95], band.lower[80], found.total, band.upper[80], band.upper[95])
    return Total(*(float(values[at]) - earlier + planned for values in points))


def usual_share(rows: pl.DataFrame, starts: date, ends: date, as_of: date, seasons: Mapping[date, float]) -> float:
    """How much of a period's cost usually falls on its days until `as_of`: by the weekdays before the period began, and
    by the season of each month (its first day; 1 where none is known).

    Without a week of history before it every weekday counts the same.
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
    weights = weights * np.array([seasons.get(day.replace(day=1), 1.0) for day in days])
    passed = sum(weight for day, weight in zip(days, weights, strict=True) if day <= as_of)
    return float(passed / weights.sum()) if weights.sum() else (as_of - starts).days / len(days)


def with_actual_alerts(kept: Sequence[dict[str, Any]], reached: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Alerts so far as they were raised, and the thresholds that costs have reached since (int_budgets__reached)."""
    alerts = {_threshold_of(row): row for row in (*reached, *kept)}
    return [alerts[key] for key in sorted(alerts)]


def with_forecast_alerts(
    kept: Sequence[dict[str, Any]],
    outlooks: Sequence[Outlook],
    thresholds: Sequence[dict[str, Any]],
    raised: Ceilings,
    last_run: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Alerts so far and the new ones: a threshold of a budget's version that its forecast passes, once.

    Both this forecast and that of `last_run` have to pass it; the same days looked at again are no second run.
    """
    alerts = {_threshold_of(alert): alert for alert in kept}
    by_version = {_version_of(one.budget): one for one in outlooks}
    earlier = {_version_of(row): row for row in last_run}
    for limit in thresholds:
        one, before = by_version.get(_version_of(limit)), earlier.get(_version_of(limit))
        key = _threshold_of(limit)
        if one is None or key in alerts or one.history_days < LEAST_HISTORY or limit["threshold_percent"] < 100:
            continue
        if before is None or before["as_of_date"] >= one.as_of:
            continue
        passed = limit["threshold_percent"] / 100 + _MATERIAL
        if min(before["expected_ratio"] or 0, expected_ratio(one, raised)) >= passed:
            ceiling = raised.get(one.key, one.budget["amount"])
            alerts[key] = {
                **{name: limit[name] for name in ("budget_id", "period", "version", "threshold_percent")},
                "alert_date": one.as_of,
                "expected_cost": one.expected,
                "probability": ratio(one.chance_above(ceiling * limit["threshold_percent"] / 100)),
                "amount": one.budget["amount"],
                "raised_by": ceiling - one.budget["amount"],
            }
    return [alerts[key] for key in sorted(alerts)]


def expected_ratio(one: Outlook, raised: Ceilings) -> Decimal:
    """What a budget's forecast expects of what its alerts are measured by."""
    ceiling: Decimal = raised.get(one.key, one.budget["amount"])
    return (one.expected / ceiling).quantize(_MILLIONTH)


def with_reallocations(
    kept: Sequence[dict[str, Any]], outlooks: Sequence[Outlook], away: Container[tuple[str, str, int]]
) -> list[dict[str, Any]]:
    """Per department, period and kind of scope: begins when one budget surely leaves its band, at most once per month.

    Budgets (in a version) that are `away` since an earlier move do not begin another one.
    Budgets that cover the same costs exchange nothing: a department's with its cost centres', two of one cost centre.
    """
    adjustments = list(kept)
    groups: dict[tuple[str, str, str], list[Outlook]] = {}
    scopes = Counter((one.budget["period"], one.budget["scope"], one.budget["scope_value"]) for one in outlooks)
    for one in outlooks:
        period, scope, value = (one.budget[name] for name in ("period", "scope", "scope_value"))
        if one.budget["department"] and scopes[period, scope, value] == 1:
            groups.setdefault((one.budget["department"], period, scope), []).append(one)
    for (department, period, _), members in sorted(groups.items()):
        valid_from = members[0].as_of + timedelta(1)
        fired = {(*key, f"{a['valid_from']:%Y-%m}") for a in kept if a["kind"] == "reallocation" for key in _names(a)}
        if any((*member.key, f"{valid_from:%Y-%m}") in fired for member in members):
            continue
        amounts = adjusted_amounts([member.budget for member in members], kept)
        leaving = [
            member
            for member in members
            if _version_of(member.budget) not in away and leaves_its_band(member, amounts[member.key])
        ]
        if not leaving:
            continue
        positions = [
            Position(
                member.budget["budget_id"],
                cents(member.budget["amount"]),
                cents(amounts[member.key]),
                cents(member.actual + money(member.rest.quantile(QUANTILE))),
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
                adjustment(
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


def _names(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The budgets that a reallocation moves money between, with their period."""
    return [(row[name], row["period"]) for name in ("from_budget_id", "to_budget_id")]


def _version_of(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["budget_id"], row["period"], row["version"]


def _threshold_of(row: Mapping[str, Any]) -> tuple[str, str, int, Decimal]:
    return *_version_of(row), row["threshold_percent"]


def is_back(one: Outlook, amount: Decimal) -> bool:
    """Within 10 % of its budget again."""
    return not amount or abs(one.expected - amount) < _BACK * amount


def leaves_its_band(one: Outlook, amount: Decimal) -> bool:
    """|variance| >= 15 % with a probability of at least 80 %, after five days of the period."""
    if one.elapsed_days < TRIGGER_DAYS or not amount:
        return False
    variance = float((one.expected - amount) / amount)
    edge = amount * Decimal(repr(1 + TRIGGER if variance > 0 else 1 - TRIGGER))
    chance = one.chance_above(edge) if variance > 0 else 1 - one.chance_above(edge)
    return abs(variance) >= TRIGGER and chance >= TRIGGER_CHANCE


def _outlook_row(one: Outlook, amount: Decimal, expected: Decimal) -> dict[str, Any]:
    accuracy = one.source.accuracy
    return {
        **{name: one.budget[name] for name in ("budget_id", "period", "version")},
        "as_of_date": one.as_of,
        "expected_share": ratio(one.expected_share),
        "month_share": ratio(one.month_share),
        "forecast_rest": money(one.rest.middle),
        "rest_lo80": money(one.rest.lo80),
        "rest_hi80": money(one.rest.hi80),
        "rest_lo95": money(one.rest.lo95),
        "rest_hi95": money(one.rest.hi95),
        "overrun_probability": ratio(one.chance_above(amount)),
        "expected_ratio": expected,
        "forecast_status": one.source.status,
        "forecast_model": one.source.model,
        "forecast_accuracy": None if accuracy is None else ratio(accuracy),
    }
