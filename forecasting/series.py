"""Series as models want them: one value per day or month, without gaps, from any table of unique_id, ds, y.

What had to be mended is noted on the series and ends up among the assumptions of its forecast; what cannot be
forecast at all becomes a refusal with its reason, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import SeriesError

Values = NDArray[np.float64]

DAILY, MONTHLY = "D", "M"
SEASON = {DAILY: 7, MONTHLY: 12}
# Beyond these, older history only slows the models down (three years of days; ten years of months).
LONGEST = {DAILY: 1096, MONTHLY: 120}
# Doubles stay exact to a cent up to here; larger numbers are a unit error, not money.
LARGEST = 1e13


@dataclass(frozen=True)
class Series:
    """One value per period from `start` on. `values` is finite and in the unit of the input."""

    unique_id: str
    frequency: str  # DAILY | MONTHLY
    start: date  # of months: their first day
    values: Values
    notes: tuple[str, ...] = ()

    @property
    def end(self) -> date:
        """The last period with a value."""
        return self.periods(0, 1)[0]

    def periods(self, first: int, count: int) -> list[date]:
        """Dates of `count` periods; 0 is the last known one, 1 the first to be forecast."""
        return period_dates(self.start, self.frequency, len(self.values) - 1 + first, count)

    def until(self, steps_back: int) -> Series:
        """The series as it was known `steps_back` periods before its end."""
        values = self.values[: len(self.values) - steps_back] if steps_back else self.values
        return Series(self.unique_id, self.frequency, self.start, values, self.notes)


@dataclass(frozen=True)
class Refusal:
    unique_id: str
    reason: str


@dataclass(frozen=True)
class Panel:
    series: list[Series] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def period_dates(start: date, frequency: str, first: int, count: int) -> list[date]:
    if frequency == DAILY:
        return [start + timedelta(days=first + step) for step in range(count)]
    months = [start.year * 12 + start.month - 1 + first + step for step in range(count)]
    return [date(month // 12, month % 12 + 1, 1) for month in months]


def read_series(path: Path) -> pl.DataFrame:
    """A Parquet or CSV file's columns unique_id (text), ds (date or null), y (double or null).

    Raises SeriesError when the file cannot be read or lacks a column.
    """
    try:
        if path.suffix.lower() in (".csv", ".txt"):
            frame = pl.read_csv(path, infer_schema=False)
        else:
            frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as problem:
        raise SeriesError(str(path), f"cannot be read as CSV or Parquet ({str(problem)[:200]})") from None
    missing = [name for name in ("unique_id", "ds", "y") if name not in frame.columns]
    if missing:
        raise SeriesError(
            str(path),
            f"has no column {', '.join(missing)}",
            fix="Name the columns unique_id, ds (a date) and y (a number)",
        )
    ds = frame["ds"]
    if ds.dtype == pl.String:
        dates = ds.str.strip_chars().str.slice(0, 10)
        months = dates.str.len_chars() == 7
        dates = pl.select(pl.when(months).then(dates + "-01").otherwise(dates)).to_series()
        ds = dates.str.to_date("%Y-%m-%d", strict=False)
    elif ds.dtype.is_temporal():
        ds = ds.cast(pl.Date, strict=False)
    else:
        raise SeriesError(str(path), f"column ds is {ds.dtype}, not a date", fix="Write days like 2026-10-31")
    return pl.DataFrame(
        {
            "unique_id": frame["unique_id"].cast(pl.String).fill_null(""),
            "ds": ds,
            "y": frame["y"].cast(pl.Float64, strict=False),
        }
    )


def panel_of(frame: pl.DataFrame) -> Panel:
    """Every series of the table, in order of its unique_id."""
    panel = Panel()
    usable = frame.filter(pl.col("ds").is_not_null() & pl.col("y").is_finite()).unique()
    steps = {uid: _frequency(rows["ds"]) for (uid,), rows in usable.group_by("unique_id")}
    most = (
        MONTHLY if sum(s == MONTHLY for s in steps.values()) * 2 > sum(s is not None for s in steps.values()) else DAILY
    )
    groups = {uid: rows for (uid,), rows in usable.group_by("unique_id")}
    counts = dict(frame.group_by("unique_id").len().iter_rows())
    for uid in sorted(counts):
        if uid not in groups:
            panel.refusals.append(Refusal(uid, "no row has both a date and a finite number"))
            continue
        found = _series(uid, groups[uid], counts[uid], steps[uid] or most)
        (panel.refusals if isinstance(found, Refusal) else panel.series).append(found)  # type: ignore[arg-type]
    return panel


def _frequency(dates: pl.Series) -> str | None:
    days = dates.unique().sort()
    if len(days) < 2:
        return None
    gap = days.diff().drop_nulls().dt.total_days().median()
    if isinstance(gap, (int, float)) and gap >= 27 and (days.dt.day().n_unique() == 1 or _are_month_ends(days)):
        return MONTHLY
    return DAILY


def _are_month_ends(days: pl.Series) -> bool:
    return bool((days.dt.month_end() == days).all())


def _series(uid: str, rows: pl.DataFrame, given: int, frequency: str) -> Series | Refusal:
    notes = []
    if given > len(rows):
        notes.append(f"{given - len(rows)} rows left out: copies, or without a date or a finite number")
    if (largest := float(np.max(np.abs(rows["y"].to_numpy())))) > LARGEST:
        return Refusal(uid, f"its largest value {largest:.3g} is beyond {LARGEST:.0g}: not an amount of money")
    if frequency == MONTHLY:
        rows = rows.with_columns(pl.col("ds").dt.month_start())
    daily = rows.group_by("ds").agg(pl.col("y").sum()).sort("ds")
    if len(daily) < len(rows):
        notes.append(f"{len(rows) - len(daily)} further rows of the same date added up")
    first, last = daily["ds"][0], daily["ds"][-1]
    if frequency == DAILY:
        positions = (daily["ds"] - first).dt.total_days().to_numpy()
    else:
        positions = ((daily["ds"].dt.year() - first.year) * 12 + daily["ds"].dt.month() - first.month).to_numpy()
    length = int(positions[-1]) + 1
    if length > 40_000:
        return Refusal(uid, f"its dates run from {first} to {last}: a date must be wrong")
    values = np.full(length, np.nan)
    values[positions] = daily["y"].to_numpy()
    missing = int(np.isnan(values).sum())
    if missing * 2 > length:
        values = np.nan_to_num(values)
        notes.append(f"{missing} of {length} periods have no row and count as zero (most do)")
    elif missing:
        values = _filled(values, SEASON[frequency])
        notes.append(f"{missing} missing periods filled from the same season before and after")
    begun = int(np.argmax(values != 0)) if np.any(values != 0) else 0
    kept = max(begun, length - LONGEST[frequency])
    return Series(uid, frequency, period_dates(first, frequency, kept, 1)[0], values[kept:], tuple(notes))


def _filled(values: Values, season: int) -> Values:
    """Gaps take the mean of one season before and after, or what lies on a line between their neighbours."""
    filled = values.copy()
    gaps = np.flatnonzero(np.isnan(values))
    around = np.stack(
        [np.where((at >= 0) & (at < len(values)), values[np.clip(at, 0, len(values) - 1)], np.nan)
         for at in (gaps - season, gaps + season)]
    )  # fmt: skip
    known = np.isfinite(around)
    counted = known.sum(axis=0)
    filled[gaps] = np.where(counted > 0, np.where(known, around, 0).sum(axis=0) / np.maximum(counted, 1), np.nan)
    left = np.isnan(filled)
    at = np.arange(len(values))
    filled[left] = np.interp(at[left], at[~left], filled[~left])
    return filled
