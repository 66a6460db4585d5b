"""Real labelled anomalies (Numenta Anomaly Benchmark): python -m tests.benchmarks.labelled_anomalies

Told by the shipped model on means of a day, as costs come by day. Files of at least 50 days are judged, after 28 days
of history. A window is found when an incident is first told within it; every other incident is a false alarm. The
labels were set on five-minute values and some were criticised: a regression check (reference forecast.md 4), nothing
is tuned on it.
"""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import polars as pl

from forecasting.anomalies.alarms import Floors, date_of, incidents
from forecasting.anomalies.panel import panel_of
from forecasting.anomalies.stacker import THRESHOLD, probabilities
from tests.benchmarks.anomalies import shared_data

SHORTEST, HISTORY = 50, 28  # days


def main() -> None:
    title, value, must = goal()
    print(f"{title:<44} {value:>8.3f}  must {must}")


def goal() -> tuple[str, float, str]:
    """F1 of incidents against labelled windows; the reference's best, on hourly means of all files, is 0.42."""
    folder = shared_data() / "nab"
    labels = json.loads((folder / "combined_windows.json").read_text("utf-8"))
    tables, windows = [], {}
    for file in sorted(folder.glob("*/*.csv")):
        name = f"{file.parent.name}/{file.name}"
        days = (
            pl.read_csv(file)
            .with_columns(pl.col("timestamp").str.slice(0, 10).str.to_date().alias("ds"))
            .group_by("ds")
            .agg(pl.col("value").mean().alias("y"))
        )
        if len(days) < SHORTEST:
            continue
        first = days["ds"].min() + timedelta(days=HISTORY)  # type: ignore[operator]
        spans = [tuple(date.fromisoformat(text[:10]) for text in window) for window in labels[name]]
        windows[name] = [span for span in spans if span[1] >= first]
        tables.append(days.select(pl.lit(name).alias("unique_id"), "ds", "y"))
    panel = panel_of(pl.concat(tables))
    rows = len(panel.names)
    told = incidents(
        panel,
        probabilities(panel, panel.values.shape[1]),
        np.full(rows, THRESHOLD),
        [Floors(0.15, 0.0)] * rows,
    )
    found, false_alarms = set(), 0
    for incident in told:
        name, day = panel.names[incident.row], date_of(panel, incident.row, incident.alarms[0])
        hit = [(name, first, last) for first, last in windows[name] if first <= day <= last]
        found.update(hit)
        false_alarms += not hit
    labelled = sum(map(len, windows.values()))
    precision, recall = len(found) / max(len(found) + false_alarms, 1), len(found) / labelled
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    print(f"{len(found)} of {labelled} labelled windows found, {false_alarms} other incidents, {rows} series")
    return "real labelled anomalies (NAB by day): F1", f1, ">=0.42"


if __name__ == "__main__":
    main()
