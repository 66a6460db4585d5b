"""What the tree models know of a day (or month) to be forecast: one row per origin t and horizon h.

The target is log(y[t+h] / level[t]), the level being the mean of the last 28 days (12 months), so that one model
serves series of any size. Every feature uses values up to t only, and the calendar of t+h.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from forecasting.series import DAILY, Series, Values, period_dates

Index = NDArray[np.int64]
# Shorter histories have no level and profile to speak of; they are left to the statistical models.
SHORTEST = {DAILY: 28, "M": 12}
_YEAR = 364  # whole weeks, so that a weekday meets the same weekday


@dataclass(frozen=True)
class Known:
    """A series with the running statistics that its rows are made of; entry t uses values up to t."""

    values: Values
    level: Values
    floor: float  # keeps logarithms finite on days without cost
    columns: dict[str, Values]
    calendar: dict[str, Index]
    frequency: str

    def rows(self, origins: Index, horizons: Index) -> Values:
        return (_daily_rows if self.frequency == DAILY else _monthly_rows)(self, origins, horizons)

    def target(self, origins: Index, horizons: Index) -> Values:
        actual = np.maximum(self.values[origins + horizons], 0)
        return np.asarray(np.log((actual + self.floor) / (self.level[origins] + self.floor)))

    def from_target(self, predicted: Values, origins: Index) -> Values:
        return np.maximum(np.exp(predicted) * (self.level[origins] + self.floor) - self.floor, 0)


def known(series: Series, horizon: int) -> Known:
    """Running statistics of a series with no negative values, and its calendar `horizon` periods past the end."""
    y = series.values
    daily = series.frequency == DAILY
    widths = (3, 7, 14, 28, 56, 112) if daily else (3, 6, 12, 24)
    columns = {f"mean{width}": running_mean(y, width) for width in widths}
    level = columns["mean28" if daily else "mean12"]
    squares = running_mean(y**2, 28 if daily else 12)
    columns["spread"] = np.sqrt(np.maximum(squares - level**2, 0)) / np.maximum(level, 1e-12)
    dates = period_dates(series.start, series.frequency, 0, len(y) + horizon)
    calendar = {
        "month": np.array([d.month for d in dates]),
        "day": np.array([d.day for d in dates]),
        "weekday": np.array([d.weekday() for d in dates]),
        "year_day": np.array([d.timetuple().tm_yday for d in dates]),
    }
    if daily:
        ends = [(d.replace(day=28) + timedelta(days=4)).replace(day=1) for d in dates]
        calendar["to_month_end"] = np.array([(e - d).days for e, d in zip(ends, dates, strict=True)])
    floor = max(0.01 * float(np.mean(np.abs(y))), 1e-12)
    if daily:
        columns["day_effect"] = _day_effect(y / np.maximum(level, floor), calendar["day"])
    return Known(y, level, floor, columns, calendar, series.frequency)


def running_mean(values: Values, width: int) -> Values:
    """Mean of the last `width` values up to each entry; of fewer where there are not yet as many."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))


def _day_effect(ratios: Values, days: Index) -> Values:
    """Up to each t and per day of the month: the mean ratio of day to level, halved towards the latest month."""
    effect = np.full((len(ratios), 32), np.nan)
    current = np.full(32, np.nan)
    for t, ratio in enumerate(ratios):
        day = days[t]
        current[day] = ratio if np.isnan(current[day]) else 0.5 * (current[day] + ratio)
        effect[t] = current
    return effect


def _at(values: Values, index: Index, allowed: NDArray[np.bool_]) -> Values:
    usable = allowed & (index >= 0)
    return np.where(usable, values[np.where(usable, index, 0)], np.nan)


def _mean(parts: list[Values]) -> Values:
    stacked = np.stack(parts)
    there = np.isfinite(stacked)
    counted = there.sum(axis=0)
    return np.where(counted > 0, np.where(there, stacked, 0).sum(axis=0) / np.maximum(counted, 1), np.nan)


def _daily_rows(known: Known, t: Index, h: Index) -> Values:
    y, base = known.values, known.level[t] + known.floor
    target = t + h
    same_weekday = [_at(y, target - 7 * (-(-h // 7)) - 7 * k, np.ones_like(t, bool)) for k in range(8)]
    weekdays = np.stack(same_weekday)
    year_ago = target - _YEAR
    near_year = [_at(y, year_ago + shift, year_ago + shift <= t) for shift in range(-10, 11)]
    season_year_ago = _mean(near_year)
    level_year_ago = _at(known.level, t - _YEAR, t - _YEAR >= 27)
    next_level_year_ago = _at(known.level, year_ago + 14, (year_ago + 14 <= t) & (year_ago >= 27))
    calendar = known.calendar
    columns = [
        h,
        calendar["weekday"][target],
        calendar["day"][target],
        calendar["month"][target],
        calendar["year_day"][target],
        calendar["to_month_end"][target],
        np.log((_mean(same_weekday) + known.floor) / (known.columns["mean56"][t] + known.floor)),
        np.log((_mean(same_weekday[:4]) + known.floor) / base),
        np.log((same_weekday[0] + known.floor) / base),
        np.log((known.columns["mean7"][t] + known.floor) / base),
        np.log((known.columns["mean56"][t] + known.floor) / base),
        np.log((known.columns["mean112"][t] + known.floor) / base),
        known.columns["spread"][t],
        np.log((_at(y, year_ago, year_ago <= t) + known.floor) / (level_year_ago + known.floor)),
        np.log((_mean(near_year[7:14]) + known.floor) / (level_year_ago + known.floor)),
        np.log((next_level_year_ago + known.floor) / (level_year_ago + known.floor)),
        np.log((level_year_ago + known.floor) / base),
        known.columns["day_effect"][t, calendar["day"][target]],
        np.log((y[t] + known.floor) / base),
        np.log((known.columns["mean3"][t] + known.floor) / base),
        np.log((known.columns["mean14"][t] + known.floor) / base),
        np.log((season_year_ago + known.floor) / (level_year_ago + known.floor)),
        np.log((season_year_ago + known.floor) / base),
        np.log((np.nanmedian(weekdays, axis=0) + known.floor) / base),
        np.nanstd(weekdays, axis=0) / base,
    ]
    return np.column_stack([np.asarray(column, np.float64) for column in columns])


def _monthly_rows(known: Known, t: Index, h: Index) -> Values:
    y, base = known.values, known.level[t] + known.floor
    target = t + h
    same_month = [_at(y, target - 12 * (-(-h // 12)) - 12 * k, np.ones_like(t, bool)) for k in range(3)]
    year_level = [_at(known.level, t - 12 * k, t - 12 * k >= 11) for k in (1, 2)]
    # How the newest months compare with the same months a year before, and the target's month a year ago grown by it.
    growth = [
        np.log((mean[t] + known.floor) / (_at(mean, t - 12, t - 12 >= 11) + known.floor))
        for mean in (known.values, known.columns["mean3"], known.columns["mean6"], known.level)
    ]
    last_year = np.log((same_month[0] + known.floor) / base)
    columns = [
        h,
        known.calendar["month"][target],
        last_year,
        np.log((_mean(same_month) + known.floor) / base),
        np.log((same_month[1] + known.floor) / (year_level[0] + known.floor)),
        np.log((known.values[t] + known.floor) / base),
        np.log((known.columns["mean3"][t] + known.floor) / base),
        np.log((known.columns["mean6"][t] + known.floor) / base),
        np.log((year_level[0] + known.floor) / base),
        np.log((year_level[1] + known.floor) / base),
        known.columns["spread"][t],
        *growth[:3],
        *(last_year + grown for grown in growth[1:]),
    ]
    return np.column_stack([np.asarray(column, np.float64) for column in columns])
