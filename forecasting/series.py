"""Series as models want them: one value per day or month, without gaps, from any table of unique_id, ds, y.

What had to be mended is noted on the series and ends up among the assumptions of its forecast; what cannot be
forecast at all becomes a refusal with its reason, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

Values = NDArray[np.float64]

DAILY, MONTHLY = "D", "M"
SEASON = {DAILY: 7, MONTHLY: 12}
# Beyond these, older history only slows the models down (three years of days; ten years of months).
LONGEST = {DAILY: 1096, MONTHLY: 120}
# A hundred years: beyond, one of the dates is wrong.
LONGEST_SPAN = {DAILY: 36_525, MONTHLY: 1200}
# Doubles stay exact to a cent up to here; larger numbers are a unit error, not money.
LARGEST = 1e13
SMALLEST = 1e-12  # bills have twelve decimals: what is smaller is no cost, and breaks ratios


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


def panel_of(frame: pl.DataFrame) -> Panel:
    """Every series of the table (unique_id, ds, y), in order of its unique_id. Rows alike in all columns are copies."""
    panel = Panel()
    # Sorted: sums of floats depend on their order.
    usable = frame.filter(pl.col("ds").is_not_null() & pl.col("y").is_finite()).unique().sort(pl.all())
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


def _step_changes(days: pl.Series) -> str | None:
    """What is wrong with dates that are months first and days later, or the other way round."""
    days = days.unique().sort()
    is_month = days.diff().dt.total_days().is_between(28, 31).to_list()[1:]
    months = sum(is_month)
    if months < 6 or len(is_month) - months < 6:
        return None
    if all(is_month[:months]):
        return f"it holds months until {days[months]} and days after: give one of them"
    if all(is_month[-months:]):
        return f"it holds days until {days[-months - 1]} and months after: give one of them"
    return None


def _series(uid: str, rows: pl.DataFrame, given: int, frequency: str) -> Series | Refusal:
    notes = []
    if given > len(rows):
        notes.append(f"{given - len(rows)} rows left out: copies, or without a date or a finite number")
    if (largest := float(np.max(np.abs(rows["y"].to_numpy())))) > LARGEST:
        return Refusal(uid, f"its largest value {largest:.3g} is beyond {LARGEST:.0g}: not an amount of money")
    if frequency == MONTHLY:
        rows = rows.with_columns(pl.col("ds").dt.month_start())
    amounts = pl.when(pl.col("y").abs() >= SMALLEST).then(pl.col("y")).otherwise(0.0)
    daily = rows.group_by("ds").agg(amounts.sum().alias("y")).sort("ds")
    if len(daily) < len(rows):
        notes.append(f"{len(rows) - len(daily)} further rows of the same date added up")
    first, last = daily["ds"][0], daily["ds"][-1]
    if frequency == DAILY:
        positions = (daily["ds"] - first).dt.total_days().to_numpy()
    else:
        positions = ((daily["ds"].dt.year() - first.year) * 12 + daily["ds"].dt.month() - first.month).to_numpy()
    length = int(positions[-1]) + 1
    # Dates of other centuries are placeholders (9999-12-31) or typing errors.
    if first.year < 1900 or last.year >= 2200 or length > LONGEST_SPAN[frequency]:
        return Refusal(uid, f"its dates run from {first} to {last}: a date must be wrong")
    if frequency == DAILY and (wrong := _step_changes(rows["ds"])):
        return Refusal(uid, wrong)
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
