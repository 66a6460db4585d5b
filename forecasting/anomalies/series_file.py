"""Anomalies of any table of series, without a workspace: Parquet or CSV with the columns unique_id, ds, y."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from forecasting.anomalies.alarms import Floors, date_of, incidents
from forecasting.anomalies.panel import panel_of
from forecasting.anomalies.stacker import THRESHOLD, probabilities
from pipelines.errors import FinopsError


def anomalies_of_file(path: Path, out: Path, least_change: float, least_amount: float) -> dict[str, Any]:
    """Write one row per series, incident and day to `out` (.parquet or .csv); return what was found.

    Columns: unique_id, first_day, resolved_day (null while it lasts), ds, expected, actual, impact, score, is_alarm
    (told on this day; the incident's other days are known from it). Raises FinopsError when the file cannot be read as
    daily series.
    """
    try:
        table = pl.read_parquet(path) if path.suffix.lower() == ".parquet" else pl.read_csv(path, try_parse_dates=True)
        table = table.select(
            pl.col("unique_id").cast(pl.String), pl.col("ds").cast(pl.Date), pl.col("y").cast(pl.Float64)
        ).drop_nulls("ds")
    except (pl.exceptions.PolarsError, OSError) as problem:
        raise FinopsError(
            str(path), f"is no table of unique_id, ds, y ({problem})", "Nothing was written", "Name such a file"
        ) from None
    panel = panel_of(table)
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
    temporary = out.with_name(f".{out.name}.part")
    if out.suffix.lower() == ".csv":
        frame.write_csv(temporary)
    else:
        frame.write_parquet(temporary, statistics=False)
    temporary.replace(out)
    return {"series": len(panel.names), "anomalies": len(found), "out": str(out)}
