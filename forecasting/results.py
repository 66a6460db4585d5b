"""What a forecast says, and its form as tables: one row per series and day (or month), one per backtest."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from forecasting.intervals import LEVELS, Band, Told
from forecasting.series import Refusal, Series, Values
from pipelines.errors import SeriesError


@dataclass(frozen=True)
class SeriesForecast:
    """One series' forecast. Arrays are per period; `total` is the running total from the first period on."""

    series: Series
    dates: list[date]
    point: Values
    band: Band
    total: Values
    total_band: Band
    scheduled: Values  # the part of `point` that comes from monthly charges, not from models
    status: str  # ok | low_confidence (no candidate reached the threshold) | fallback (nothing could be tested)
    model: str  # what was combined
    accuracy: float | None  # of the combination at earlier origins: 1 - WAPE
    candidates: dict[str, float]  # accuracy of every candidate that was tested
    assumptions: tuple[str, ...]
    said: Told | None = None  # this series' row of what its intervals were made from; None without models
    said_before: tuple[Told, ...] = ()  # the same at earlier origins, farthest first


@dataclass(frozen=True)
class BacktestRow:
    """One model (or the combination) at one earlier origin of one series, over the periods known since."""

    unique_id: str
    origin: date  # the last day that the forecast could see
    grain: str  # day | month
    horizon: int  # periods compared
    model: str
    actual: float  # their sum
    forecast: float  # its sum
    absolute_error: float  # Σ|forecast − actual|
    absolute_actual: float  # Σ|actual|
    naive_error: float | None  # mean absolute error of the seasonal naive inside the history: MASE's unit
    covered80: float | None  # share of periods inside; of the combination only
    covered95: float | None


@dataclass(frozen=True)
class Forecast:
    horizon: int
    pool: str
    seed: int
    series: list[SeriesForecast]
    refusals: list[Refusal]
    backtest: list[BacktestRow]


def forecast_frame(forecast: Forecast) -> pl.DataFrame:
    """Rows of unique_id, ds, …; a series that was refused is one row with its reason and nulls."""
    rows: list[dict[str, object]] = []
    for found in forecast.series:
        said = {
            "status": found.status,
            "model": found.model,
            "accuracy": found.accuracy,
            "candidates": json.dumps({k: round(v, 4) for k, v in found.candidates.items()}, sort_keys=True),
            "vintage": found.series.end,
            "assumptions": "; ".join(found.assumptions),
            "reason": None,
        }
        for at, day in enumerate(found.dates):
            row: dict[str, object] = {"unique_id": found.series.unique_id, "ds": day, "step": at + 1}
            row["yhat"] = float(found.point[at])
            row |= _bounds("", found.band, at)
            row["scheduled"] = float(found.scheduled[at])
            row["total"] = float(found.total[at])
            row |= _bounds("total_", found.total_band, at)
            rows.append(row | said)
    rows += [{"unique_id": r.unique_id, "status": "refused", "reason": r.reason} for r in forecast.refusals]
    return pl.DataFrame(rows, schema=SCHEMA).sort("unique_id", "ds")


def _bounds(prefix: str, band: Band, at: int) -> dict[str, object]:
    return {
        f"{prefix}{side}{level}": float(values[level][at])
        for level in LEVELS
        for side, values in (("lo", band.lower), ("hi", band.upper))
    }


SCHEMA: dict[str, type[pl.DataType]] = {
    "unique_id": pl.String,
    "ds": pl.Date,
    "step": pl.Int32,
    "yhat": pl.Float64,
    "lo80": pl.Float64,
    "hi80": pl.Float64,
    "lo95": pl.Float64,
    "hi95": pl.Float64,
    "scheduled": pl.Float64,
    "total": pl.Float64,
    "total_lo80": pl.Float64,
    "total_hi80": pl.Float64,
    "total_lo95": pl.Float64,
    "total_hi95": pl.Float64,
    "status": pl.String,
    "model": pl.String,
    "accuracy": pl.Float64,
    "candidates": pl.String,
    "vintage": pl.Date,
    "assumptions": pl.String,
    "reason": pl.String,
}


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Parquet, or CSV when the name says so; in place by one rename. Raises SeriesError when it cannot be written."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".csv":
            frame.write_csv(temporary)
        else:
            frame.write_parquet(temporary, compression="zstd", statistics=False)
        temporary.replace(path)
    except OSError as problem:
        with suppress(OSError):
            temporary.unlink()
        fix = "Name a file in a folder that you may write to"
        raise SeriesError(str(path), f"cannot be written ({problem.strerror or problem})", fix=fix) from None
