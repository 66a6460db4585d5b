"""What each detector says about each day, knowing that day and the days before it (reference forecast.md 4).

No detector decides: their scores are the columns that the stacker weighs. Residuals are differences of logarithms
(0.1 is about 10 %), scores ("_z") are residuals over the series' own robust noise.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from forecasting.anomalies.panel import (
    Matrix,
    Panel,
    day_of_month,
    lagged,
    log_cost,
    median,
    months_ago,
    trailing,
    weekday,
    without_weekday,
)

WARM_UP = 28  # days before a series is judged at all
_NOISE_FLOOR = 0.01
_MOST = 60.0  # a score beyond it says no more
_MEANS = {1: (3, 7), 4: (3, 5), 8: (3, 5, 7)}  # days ahead: days whose mean is judged


def scores(panel: Panel) -> dict[str, Matrix]:
    """Each detector's matrix, shaped like the panel; NaN where history is too short for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all-NaN windows at the beginning of a series
        return _scores(panel)


def _scores(panel: Panel) -> dict[str, Matrix]:
    logs = log_cost(panel.values)
    weekday_residual = without_weekday(logs)
    weekday_noise = _noise(weekday_residual, 56)
    weekday_z = _over(weekday_residual, weekday_noise)
    level = trailing(logs, 28)
    level_residual = logs - median(level)
    fast_residual, fast_z = _robust_holt_winters(logs, 0.2, 0.1)
    slow_residual, slow_z = _robust_holt_winters(logs, 0.05, 0.1)
    week = trailing(logs, 7, offset=0).mean(axis=-1)
    weeks_before = median(np.stack([lagged(week, 7 * back) for back in range(1, 9)], axis=-1))
    week_change = week - weeks_before
    found = {
        "weekday_residual": weekday_residual,
        "weekday_z": weekday_z,
        "weekday_noise": weekday_noise,
        "level_residual": level_residual,
        "level_z": _over(level_residual, _noise(level_residual, 28)),
        "fast_residual": fast_residual,
        "fast_z": fast_z,
        "slow_residual": slow_residual,
        "slow_z": slow_z,
        "smoothed_z": _smoothed(weekday_z, 0.3),
        "shift": week_change,
        "shift_z": _over(week_change, _noise(lagged(week_change, 6), 56)),
        "decomposition": _decomposition(logs),
        "over_week": logs - trailing(logs, 7).mean(axis=-1),
        "over_month": logs - trailing(logs, 30).mean(axis=-1),
        "since_yesterday": logs - lagged(logs, 1),
        "since_last_week": logs - lagged(logs, 7),
    }
    for back in (1, 2, 3):
        found[f"weekday_z_{back}"] = lagged(weekday_z, back)
        found[f"fast_z_{back}"] = lagged(fast_z, back)
    before = trailing(weekday_z, 14)
    found["highest_before"], found["lowest_before"] = np.nanmax(before, axis=-1), np.nanmin(before, axis=-1)
    found |= _calendar(panel, weekday_residual)
    return {name: np.clip(matrix, -_MOST, _MOST) for name, matrix in found.items()}


def against_expectation(residuals: dict[int, Matrix]) -> dict[str, Matrix]:
    """How far days lie from what was expected of them, by days ahead: by themselves, and summed over the last days.

    A slow rise that no single day shows adds up over days whose forecasts were made before it began.
    """
    found: dict[str, Matrix] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for ahead, residual in residuals.items():
            # What was known when the forecast was made: newer residuals hold the rise itself.
            noise = _noise(lagged(residual, ahead - 1), 90)
            score = _over(residual, noise)
            found |= {f"ahead_{ahead}_residual": residual, f"ahead_{ahead}_z": score}
            clipped = np.nan_to_num(np.clip(score, -6, 6))
            for days in (2, 3) if ahead == 1 else (2, 3, 5):
                found[f"ahead_{ahead}_sum_{days}"] = trailing(clipped, days, offset=0).sum(axis=-1) / np.sqrt(days)
            if ahead == 1:
                found |= {f"ahead_1_z_{back}": lagged(score, back) for back in (1, 2, 3)}
                found |= {"ahead_1_noise": noise, "ahead_1_residual_1": lagged(residual, 1)}
            else:
                found[f"ahead_{ahead}_least_of_3"] = trailing(residual, 3, offset=0).min(axis=-1)
        found |= _drift(residuals)
    return {name: np.clip(matrix, -_MOST, _MOST) for name, matrix in found.items()}


def _drift(residuals: dict[int, Matrix]) -> dict[str, Matrix]:
    """Means of several days against how far such means usually lie off, and whether days of the newest week agree.

    Errors of one week go the same way: a sum of single scores takes many of them for a rise, their own mean does not.
    """
    found: dict[str, Matrix] = {}
    for ahead, lengths in _MEANS.items():
        for days in lengths:
            mean = trailing(residuals[ahead], days, offset=0).mean(axis=-1)
            noise = _noise(lagged(mean, ahead + days - 2), 90)  # of means that no day of this one is part of
            found |= {f"ahead_{ahead}_mean_{days}": mean, f"ahead_{ahead}_mean_{days}_z": _over(mean, noise)}
    for days in (2, 3):
        mean = trailing(residuals[8], days, offset=0).mean(axis=-1)
        found[f"ahead_8_rise_{days}"] = mean - lagged(mean, days + 1)
    found["ahead_8_mean_a_week_before"] = lagged(trailing(residuals[8], 3, offset=0).mean(axis=-1), 7)
    for ahead, least in ((1, 0.03), (8, 0.07)):
        week = trailing(residuals[ahead], 7, offset=0)
        found[f"ahead_{ahead}_agree"] = ((week > least).sum(axis=-1) - (week < -least).sum(axis=-1)).astype(float)
    return found


def monthly_fees(panel: Panel) -> NDArray[np.bool_]:
    """Days that moved on the same day of the last two months too, at least half as far: a fee, not an anomaly.

    A fee stands out from the days before it as well as from its weekday, and by more than the series' noise: where
    costs go up and down by themselves, the same day of earlier months is often high by chance. One month is enough
    while a series is not older.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        residual = without_weekday(log_cost(panel.values))
        beside = residual - median(trailing(residual, 3))
        noise = _noise(residual, 56)
        is_again = _again(panel, residual, 0.0 * noise) & _again(panel, beside, 3 * noise)
    fees: NDArray[np.bool_] = is_again & (np.abs(residual) > 0.1)
    return fees


def _again(panel: Panel, moved: Matrix, least: Matrix) -> NDArray[np.bool_]:
    """Whether both months before moved the same way, by half as much and by `least`."""
    last, before = (months_ago(panel, moved, back) * np.sign(moved) for back in (1, 2))
    enough = np.maximum(0.5 * np.abs(moved), least)
    again: NDArray[np.bool_] = (last >= enough) & (np.isnan(before) | (before >= enough))
    return again


def _noise(residual: Matrix, days: int) -> Matrix:
    """The usual size of a residual over the days before (1.4826 × median of its absolute value: a robust sd)."""
    noise: Matrix = np.maximum(1.4826 * median(np.abs(trailing(residual, days))), _NOISE_FLOOR)
    return noise


def _over(residual: Matrix, noise: Matrix) -> Matrix:
    score: Matrix = np.clip(residual / noise, -_MOST, _MOST)
    return score


def _robust_holt_winters(logs: Matrix, level_speed: float, season_speed: float) -> tuple[Matrix, Matrix]:
    """One-step residuals and scores of level + weekday, whose updates are clipped: a spike does not enter the state."""
    count, days = logs.shape
    residual, score = np.full_like(logs, np.nan), np.full_like(logs, np.nan)
    level, noise, age = np.full(count, np.nan), np.full(count, 0.1), np.zeros(count)
    season = np.zeros((count, 7))
    for day in range(days):
        today = logs[:, day]
        known = np.isfinite(today)
        fresh = known & ~np.isfinite(level)
        level = np.where(fresh, today, level)
        error = today - level - season[:, day % 7]
        residual[:, day] = error
        score[:, day] = error / np.maximum(noise, _NOISE_FLOOR)
        clipped = np.clip(np.nan_to_num(error), -2.5 * noise, 2.5 * noise)
        young = age < WARM_UP
        # A young series learns fast, and from everything: its noise is not known yet.
        learnt = np.where(young, np.nan_to_num(error), clipped)
        speed = np.where(young, np.maximum(level_speed, 0.3), level_speed)
        level = np.where(known, level + speed * learnt, level)
        weekday_speed = np.where(young, 0.4, season_speed)
        season[:, day % 7] += np.where(known, weekday_speed * (1 - speed) * learnt, 0.0)
        # E|error| of a normal error is 0.8 sd.
        size = np.minimum(np.abs(np.nan_to_num(error)), np.where(young, np.inf, 3 * noise)) * 1.2533
        noise = np.where(known & (age > 0), np.maximum(noise + 0.06 * (size - noise), _NOISE_FLOOR), noise)
        age = age + known
    return residual, np.clip(score, -_MOST, _MOST)


def _smoothed(score: Matrix, speed: float) -> Matrix:
    """An exponentially weighted mean of clipped scores: small changes that stay add up."""
    mean, out = np.zeros(len(score)), np.empty_like(score)
    for day in range(score.shape[1]):
        today = np.clip(np.nan_to_num(score[:, day]), -6, 6)
        mean = mean + speed * (today - mean)
        out[:, day] = mean
    return out


def _decomposition(logs: Matrix) -> Matrix:
    """Distance outside the 10th to 90th percentile of what trend and weekday left over, in such ranges.

    The rule of series_decompose_anomalies (trend: average; weekday: mean; Tukey's fences on 10-90 %), day by day.
    """
    trend = np.nanmean(trailing(logs, 28), axis=-1)
    detrended = logs - trend
    weekday = np.nanmean(np.stack([lagged(detrended, 7 * week) for week in range(1, 13)], axis=-1), axis=-1)
    left = detrended - weekday
    ordered = np.sort(trailing(left, 60), axis=-1)
    known = np.isfinite(ordered).sum(axis=-1)
    low = np.take_along_axis(ordered, (known // 10)[..., None].clip(max=59), -1)[..., 0]
    high = np.take_along_axis(ordered, (9 * known // 10)[..., None].clip(max=59), -1)[..., 0]
    spread = np.maximum(high - low, _NOISE_FLOOR)
    outside: Matrix = np.where(
        left > high, (left - high) / spread, np.where(left < low, (left - low) / spread, left * 0.0)
    )
    return outside


def _calendar(panel: Panel, residual: Matrix) -> dict[str, Matrix]:
    """What the same day of the month, and the same days last year, were like: fees and holidays come again."""
    around = np.stack([lagged(residual, 364 + shift) for shift in (-1, 0, 1)], axis=-1)
    return {
        "day_of_month": day_of_month(panel).astype(float),
        "weekday": weekday(panel).astype(float),
        "last_year": lagged(residual, 364),
        "last_year_high": np.nanmax(around, axis=-1),
        "last_year_low": np.nanmin(around, axis=-1),
        "months_ago_1": months_ago(panel, residual, 1),
        "months_ago_2": months_ago(panel, residual, 2),
    }
