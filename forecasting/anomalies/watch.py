"""The company's own costs: find anomalies day by day, make incidents of them, say why, and measure how well it went.

Everything is computed from the ledger as it is now, so a run repeats byte for byte; what people said before (labels)
comes in through decisions/anomaly_labels.csv.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import polars as pl

from forecasting.anomalies import injections
from forecasting.anomalies.alarms import Floors, date_of, incidents
from forecasting.anomalies.evidence import causes_of, in_words
from forecasting.anomalies.grouping import Group, Node, Seen, grouped, rounded
from forecasting.anomalies.panel import Matrix, Panel, panel_of
from forecasting.anomalies.schedule import read_schedule
from forecasting.anomalies.stacker import THRESHOLD, probabilities
from pipelines.landing.decisions import read_decisions
from pipelines.landing.results import land_result
from pipelines.settings import Workspace

IMMATURE_DAYS = 2  # the newest days of a bill are not whole: a fall there is not judged
# Nor on days of which a source has not sent this part yet, as far as its own history tells.
_MATURE_SHARE = 0.95
_MOST_SERIES = 2_000  # the largest are watched by themselves, all are in the levels above
_AT_ONCE = 100  # series whose scores are in memory together
_MEASURED_DAYS, _MEASURED_HISTORY, _MEASURED_SEED = 180, 240, 1
# Labels move a series' threshold: past what was a false alarm, or down a little for every true one.
_STEP, _LOWEST, _HIGHEST = 0.04, 0.5, 0.97


def watch(workspace: Workspace) -> str:
    """Detect, explain, measure, land; returns one line on what was found."""
    decisions = read_decisions(workspace)
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        nodes, costs = _series(con)
        panel = panel_of(costs)
        immature = _immature_days(con, panel, nodes)
        floors = _floors(con, panel, nodes, workspace.settings.anomalies.min_amount)
        chances = _chances(panel)
        labels = {row["anomaly_id"]: row["label"] for row in decisions["anomaly_labels"]}
        groups, thresholds = _with_labels(panel, chances, floors, nodes, costs, labels, immature)
        schedule = read_schedule(con, decisions)
        causes = causes_of(con, groups)
    suppressed = {group.anomaly_id: schedule.explained_by(group) for group in groups}
    _land(workspace, groups, suppressed, labels, causes)
    land_result(workspace, "anomaly_quality", _quality(panel, nodes, groups, labels))
    alarms = [
        g for g in groups if not suppressed[g.anomaly_id] and labels.get(g.anomaly_id) not in ("false", "expected")
    ]
    lasting = sum(group.resolved is None for group in alarms)
    unknown = sorted(labels.keys() - {group.anomaly_id for group in groups})
    missed = f"; anomaly_labels.csv names none of them with {', '.join(unknown)}" if unknown else ""
    return f"watched    {len(panel.names)} series: {len(alarms)} anomalies, {lasting} of them not over{missed}"


def _series(con: duckdb.DuckDBPyConnection) -> tuple[dict[str, Node], pl.DataFrame]:
    """Each watched series, and its daily costs as unique_id, ds, y, up to the day that its sources have reached."""
    table = con.execute(
        "select series_id, series_level, x_source, sub_account_id, service_name, cost_center_id, currency, "
        "charge_date, usage_cost from int_anomalies__series order by series_id, charge_date"
    ).pl()
    newest: dict[str, date] = dict(
        con.execute(
            "select x_source, max(charge_date) from int_anomalies__series where x_source is not null group by 1"
        ).fetchall()
    )
    current = [day for day in newest.values() if day >= max(newest.values()) - timedelta(7)]
    common = min(current, default=date.min)
    sizes = table.group_by("series_id", "series_level").agg(pl.col("usage_cost").sum().alias("size"))
    leaves = sizes.filter(pl.col("series_level") == "leaf").sort("size", "series_id", descending=[True, False])
    kept = [*leaves["series_id"][:_MOST_SERIES], *sizes.filter(pl.col("series_level") != "leaf")["series_id"]]
    table = table.filter(pl.col("series_id").is_in(kept))
    rows = table.unique("series_id", keep="first", maintain_order=True).drop("charge_date", "usage_cost").iter_rows()
    nodes = {row[0]: Node(*row) for row in rows}
    until = {name: newest[node.x_source] if node.x_source else common for name, node in nodes.items()}
    ends = pl.DataFrame(
        {"unique_id": list(until), "ds": list(until.values())}, schema={"unique_id": pl.String, "ds": pl.Date}
    )
    costs = table.select(unique_id="series_id", ds="charge_date", y="usage_cost")
    last = pl.col("unique_id").replace_strict(until, return_dtype=pl.Date)
    costs = costs.filter(pl.col("ds") <= last)
    nothing = ends.filter(pl.col("unique_id").is_in(costs["unique_id"].unique().to_list()))
    return nodes, pl.concat([costs, nothing.with_columns(y=pl.lit(Decimal(0)).cast(costs.schema["y"]))])


def _immature_days(con: duckdb.DuckDBPyConnection, panel: Panel, nodes: dict[str, Node]) -> list[int]:
    """How many of each series' newest days are not whole; of series of several sources, by the latest of them."""
    unripe: dict[str, date] = dict(
        con.execute(
            "select x_source, min(charge_date) from fct_completeness inner join int_completeness__known "
            "using (x_source, billing_currency, charge_date) where status = 'maturing' "
            f"and coalesce(int_completeness__known.known_share, 0) < {_MATURE_SHARE} group by 1"
        ).fetchall()
    )
    first = min(unripe.values(), default=date.max)
    days = []
    for row, name in enumerate(panel.names):
        source = nodes[name].x_source
        begins = unripe.get(source, date.max) if source else first
        last = date_of(panel, row, panel.values.shape[1] - 1)
        days.append(max(IMMATURE_DAYS, (last - begins).days + 1))
    return days


def _floors(con: duckdb.DuckDBPyConnection, panel: Panel, nodes: dict[str, Node], amount: float) -> list[Floors]:
    """The least amount in each series' own currency, at its newest rate; without a rate, as it stands."""
    rates = dict(con.execute("select from_currency, rate from int_currency__newest_rates").fetchall())
    return [Floors(amount=amount / float(rates.get(nodes[name].currency) or 1)) for name in panel.names]


def _chances(panel: Panel) -> Matrix:
    width = panel.values.shape[1]
    parts = []
    for start in range(0, len(panel.names), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        parts.append(probabilities(Panel(panel.names[rows], panel.values[rows], panel.last_day[rows]), width))
    return np.concatenate(parts) if parts else np.empty((0, width))


def _with_labels(
    panel: Panel,
    chances: Matrix,
    floors: list[Floors],
    nodes: dict[str, Node],
    costs: pl.DataFrame,
    labels: dict[str, str],
    immature: list[int],
) -> tuple[list[Group], Matrix]:
    """Incidents at the thresholds that the labels ask for. What was labelled stays, whatever its threshold is now."""
    base = np.full(len(panel.names), THRESHOLD)
    actual = {
        (name, day): cost for name, day, cost in costs.group_by("unique_id", "ds").agg(pl.col("y").sum()).iter_rows()
    }
    groups = grouped(_seen(panel, chances, base, floors, nodes, actual, immature))
    labelled = [group for group in groups if group.anomaly_id in labels]
    if not labelled:
        return groups, base
    thresholds = tuned_by_labels(panel.names, labelled, labels)
    known = {group.anomaly_id for group in labelled}
    again = grouped(_seen(panel, chances, thresholds, floors, nodes, actual, immature))
    members = {(member.node.series_id, member.first) for group in labelled for member in group.members}
    others = [
        group
        for group in again
        if group.anomaly_id not in known
        and not any((member.node.series_id, member.first) in members for member in group.members)
    ]
    return sorted([*labelled, *others], key=lambda group: (group.lead.first, group.anomaly_id)), thresholds


def tuned_by_labels(names: Iterable[str], labelled: list[Group], labels: dict[str, str]) -> Matrix:
    """A threshold per series: above its false alarms, and lower by a step for each true one that it had."""
    found = dict.fromkeys(names, THRESHOLD)
    for group in labelled:
        for member in group.members:
            name = member.node.series_id
            if labels[group.anomaly_id] == "true":
                found[name] = max(found[name] - _STEP, _LOWEST)
    for group in labelled:
        for member in group.members:
            name = member.node.series_id
            if labels[group.anomaly_id] == "false":
                found[name] = min(max(found[name], member.score + 0.01), _HIGHEST)
    return np.array(list(found.values()))


def _seen(
    panel: Panel,
    chances: Matrix,
    thresholds: Matrix,
    floors: list[Floors],
    nodes: dict[str, Node],
    actual: dict[tuple[str, date], Decimal],
    immature: list[int],
) -> Iterable[Seen]:
    for one in incidents(panel, chances, thresholds, floors, immature):
        name = panel.names[one.row]
        dates = {column: date_of(panel, one.row, column) for column in one.days}
        yield Seen(
            node=nodes[name],
            first=date_of(panel, one.row, one.first),
            resolved=None if one.resolved is None else date_of(panel, one.row, one.resolved),
            is_new_level=one.is_new_level,
            score=one.chance,
            threshold=float(thresholds[one.row]),
            days={
                dates[column]: (rounded(expected), actual.get((name, dates[column]), Decimal(0)))
                for column, (expected, _) in one.days.items()
            },
        )


def _land(
    workspace: Workspace,
    groups: list[Group],
    suppressed: dict[str, str | None],
    labels: dict[str, str],
    causes: dict[str, list[tuple[str, int, Any]]],
) -> None:
    ratio = Decimal("0.000001")
    heads, days, why = [], [], []
    for group in groups:
        name, scope = group.anomaly_id, group.scope()
        found = causes.get(name, [])
        heads.append(
            {
                "anomaly_id": name,
                **scope,
                "series_count": len(group.members),
                "also_seen_on": ",".join(dict.fromkeys(group.also_on)) or None,
                "first_seen_date": group.lead.first,
                "resolved_date": group.resolved,
                "is_new_level": any(member.is_new_level for member in group.members),
                "score": Decimal(repr(max(member.score for member in group.members))).quantize(ratio),
                "threshold": Decimal(repr(group.lead.threshold)).quantize(ratio),
                "suppressed_by": suppressed[name],
                "label": labels.get(name),
                "root_cause": in_words(found, str(scope["currency"])),
            }
        )
        days += [
            {"anomaly_id": name, "charge_date": day, "expected_cost": expected, "actual_cost": actual}
            for day, (expected, actual) in group.days().items()
        ]
        why += [_cause_row(name, str(scope["currency"]), *cause) for cause in found]
    land_result(workspace, "anomaly_incidents", heads)
    land_result(workspace, "anomaly_days", days)
    land_result(workspace, "anomaly_causes", why)


def _cause_row(anomaly: str, currency: str, dimension: str, number: int, cause: Any) -> dict[str, Any]:
    ratio = Decimal("0.000001")
    return {
        "anomaly_id": anomaly,
        "dimension": dimension,
        "cause_rank": number,
        "value": cause.name,
        "state": cause.state,
        "expected_cost": rounded(cause.expected),
        "actual_cost": rounded(cause.actual),
        "delta_cost": rounded(cause.actual) - rounded(cause.expected),
        "delta_share": Decimal(repr(max(min(cause.share, 1e6), -1e6))).quantize(ratio),
        "score": Decimal(repr(min(cause.score, 1e6))).quantize(ratio),
        "price_effect": None if cause.price_effect is None else rounded(cause.price_effect),
        "quantity_effect": None if cause.quantity_effect is None else rounded(cause.quantity_effect),
        "currency": currency,
    }


def _quality(
    panel: Panel, nodes: dict[str, Node], groups: list[Group], labels: dict[str, str]
) -> Iterable[dict[str, Any]]:
    """One row per evidence that there is."""
    said = Counter(labels[group.anomaly_id] for group in groups if group.anomaly_id in labels)
    if said:
        judged = said["true"] + said["false"]
        yield {
            "evidence": "labels",
            "events": said["true"],
            "detected": said["true"],
            "false_alarms": said["false"],
            "precision_rate": Decimal(said["true"]) / judged if judged else None,
        }
    ages = np.isfinite(panel.values).sum(axis=1)
    usual = np.nan_to_num(np.nanmean(panel.values[:, -60:], axis=1)) if len(ages) else ages
    old = [
        row for row in np.argsort(-usual, kind="stable")
        if ages[row] >= _MEASURED_HISTORY and nodes[panel.names[row]].level == "leaf" and usual[row] > 0
    ][:_AT_ONCE]  # fmt: skip
    if not old:
        return
    chosen = Panel(tuple(panel.names[row] for row in old), panel.values[old], panel.last_day[old])
    injected, events = injections.inject(chosen, _MEASURED_DAYS, _MEASURED_SEED)
    chances = probabilities(injected, _MEASURED_DAYS)
    found = injections.measured(injected, events, chances, THRESHOLD, _MEASURED_DAYS)
    yield {
        "evidence": "injections",
        "events": found.events,
        "detected": found.detected,
        "false_alarms": found.false_alarms,
        "series_months": _ratio(found.series_months),
        "precision_rate": _ratio(found.precision),
        "recall_rate": _ratio(found.recall),
        "large_recall_rate": _ratio(found.large_recall),
        "cost_caught": _ratio(found.cost_caught),
        "delay_days": _ratio(found.delay_days),
    }


def _ratio(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(value)).quantize(Decimal("0.000001"))
