"""Daily series side by side: one row per series, one column per day, all ending on their own last day.

Rows are aligned at their ends, so one pass over columns is one pass over time for every series at once. Days before a
series begins are NaN. Column t of a row is only ever judged with columns up to t.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

LONGEST = 760  # two years and a month: what a comparison with last year needs
_FLOOR = 0.02  # of the usual day: a day below it is as good as nothing, and a logarithm needs an end


@dataclass(frozen=True)
class Panel:
    names: tuple[str, ...]
    values: Matrix  # (series, days), in each series' own unit
    last_day: NDArray[np.datetime64]  # per series

    @property
    def days(self) -> NDArray[np.datetime64]:
        """The date of every cell."""
        steps = np.arange(1 - self.values.shape[1], 1).astype("timedelta64[D]")
        days: NDArray[np.datetime64] = self.last_day[:, None] + steps[None, :]
        return days

    def with_values(self, values: Matrix) -> Panel:
        return replace(self, values=values)


def panel_of(table: pl.DataFrame) -> Panel:
    """A panel of a table with the columns unique_id, ds (date) and y (number), in any order of rows.

    Days of one series that come twice are added; days without a row within its life cost nothing and are 0.
    """
    daily = table.group_by("unique_id", "ds").agg(pl.col("y").cast(pl.Float64).sum()).sort("unique_id", "ds")
    groups = {str(name[0]): rows for name, rows in daily.group_by("unique_id", maintain_order=True)}
    firsts = {name: np.datetime64(rows["ds"][0], "D") for name, rows in groups.items()}
    lasts = {name: np.datetime64(rows["ds"][-1], "D") for name, rows in groups.items()}
    lengths = [(rows["ds"][-1] - rows["ds"][0]).days + 1 for rows in groups.values()]
    width = min(max(lengths, default=1), LONGEST)
    values = np.full((len(groups), width), np.nan)
    for row, (name, rows) in enumerate(groups.items()):
        whole = np.zeros(lengths[row])
        whole[(rows["ds"].to_numpy().astype("datetime64[D]") - firsts[name]).astype(int)] = rows["y"].to_numpy()
        kept = whole[-width:]
        values[row, width - len(kept) :] = np.where(np.isfinite(kept), kept, 0.0)
    return Panel(tuple(groups), values, np.array([lasts[name] for name in groups], dtype="datetime64[D]"))


def day_of_month(panel: Panel) -> NDArray[np.int64]:
    months = panel.days.astype("datetime64[M]")
    number: NDArray[np.int64] = (panel.days - months.astype("datetime64[D]")).astype(int) + 1
    return number


def weekday(panel: Panel) -> NDArray[np.int64]:
    """Monday is 0."""
    number: NDArray[np.int64] = (panel.days.astype(int) + 3) % 7
    return number


def months_ago(panel: Panel, matrix: Matrix, months: int) -> Matrix:
    """Every cell's value on the same day of an earlier month; NaN where there is none."""
    first = (panel.days.astype("datetime64[M]") - months).astype("datetime64[D]")
    same_day = first + (day_of_month(panel) - 1).astype("timedelta64[D]")
    at = np.arange(matrix.shape[1])[None, :] - (panel.days - same_day).astype(int)
    return np.where(at >= 0, np.take_along_axis(matrix, at.clip(min=0), axis=1), np.nan)


def without_weekday(logs: Matrix) -> Matrix:
    """Each day's difference from the median of the eight same weekdays before it."""
    residual: Matrix = logs - median(np.stack([lagged(logs, 7 * week) for week in range(1, 9)], axis=-1))
    return residual


def lagged(matrix: Matrix, days: int) -> Matrix:
    """Every cell's value `days` days before; NaN where there is none."""
    if days == 0:
        return matrix
    shifted = np.full_like(matrix, np.nan)
    shifted[:, days:] = matrix[:, :-days]
    return shifted


def trailing(matrix: Matrix, days: int, offset: int = 1) -> Matrix:
    """The `days` values that end `offset` days before each cell, on a third axis."""
    padded = np.concatenate([np.full((len(matrix), days - 1 + offset), np.nan), matrix], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, days, axis=1)
    return windows[:, : matrix.shape[1]]


def median(stack: Matrix) -> Matrix:
    """The median of the last axis without its NaN; NaN where all are."""
    ordered = np.sort(stack, axis=-1)  # NaN go last
    known = np.isfinite(stack).sum(axis=-1)
    low = np.take_along_axis(ordered, np.maximum((known - 1) // 2, 0)[..., None], -1)[..., 0]
    high = np.take_along_axis(ordered, np.maximum(known // 2, 0).clip(max=stack.shape[-1] - 1)[..., None], -1)[..., 0]
    return np.where(known > 0, (low + high) / 2, np.nan)


def log_cost(values: Matrix) -> Matrix:
    """Costs as logarithms, so that a change is a ratio; what lies below 2 % of the usual day is set there."""
    usual = median(trailing(np.where(values > 0, values, np.nan), 28))
    usual = np.where(np.isfinite(usual), usual, np.where(values > 0, values, 1.0))
    return np.where(np.isfinite(values), np.log(np.maximum(values, _FLOOR * usual)), np.nan)
