"""Anomalies of any table of series, without a workspace: Parquet or CSV with the columns unique_id, ds, y."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from forecasting.anomalies.alarms import Floors, date_of, incidents
from forecasting.anomalies.panel import panel_of
from forecasting.anomalies.stacker import THRESHOLD, probabilities
from forecasting.results import write_frame
from forecasting.series import DAILY, MONTHLY
from forecasting.series import panel_of as series_of
from forecasting.series_table import read_series
from pipelines.errors import SeriesError

NO_DAYS = pl.DataFrame(schema={"unique_id": pl.String, "ds": pl.Date, "y": pl.Float64})


def anomalies_of_file(path: Path, out: Path, least_change: float, least_amount: float) -> dict[str, Any]:
    """Write one row per series, incident and day to `out` (.parquet or .csv); return what was found.

    Columns: unique_id, first_day, resolved_day (null while it lasts), ds, expected, actual, impact, score, is_alarm
    (told on this day; the incident's other days are known from it). `refused` is why a series was not looked at. Raises
    SeriesError when the file is no table of series.
    """
    read = series_of(read_series(path))
    if not read.series and not read.refusals:
        raise SeriesError(str(path), "has no rows", fix="Give at least one row of unique_id, ds, y")
    refused = {one.unique_id: one.reason for one in read.refusals}
    refused |= {one.unique_id: "it is monthly: anomalies are looked for day by day"
                for one in read.series if one.frequency == MONTHLY}  # fmt: skip
    panel = panel_of(
        pl.concat(
            [NO_DAYS, *(
                pl.DataFrame({"unique_id": one.unique_id, "ds": one.periods(1 - len(one.values), len(one.values)),
                              "y": one.values}) for one in read.series if one.frequency == DAILY
            )]
        )
    )  # fmt: skip
    width = panel.values.shape[1]
    thresholds = np.full(len(panel.names), THRESHOLD)
    floors = [Floors(least_change, least_amount)] * len(panel.names)
    found = incidents(panel, probabilities(panel, width), thresholds, floors) if panel.names else []
    rows = [
        {
            "unique_id": panel.names[one.row],
            "first_day": date_of(panel, one.row, one.first),
            "resolved_day": None if one.resolved is None else date_of(panel, one.row, one.resolved),
            "ds": date_of(panel, one.row, column),
            "expected": expected,
            "actual": actual,
            "impact": actual - expected,
            "score": one.chance,
            "is_alarm": column in one.alarms,
        }
        for one in found
        for column, (expected, actual) in one.days.items()
    ]
    schema = {"unique_id": pl.String, "first_day": pl.Date, "resolved_day": pl.Date, "ds": pl.Date,
              "expected": pl.Float64, "actual": pl.Float64, "impact": pl.Float64, "score": pl.Float64,
              "is_alarm": pl.Boolean}  # fmt: skip
    frame = pl.DataFrame(rows, schema=schema)
    write_frame(frame, out)
    return {"series": len(panel.names), "anomalies": len(found), "out": str(out), "refused": refused}
