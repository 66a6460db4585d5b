"""Calibrated intervals: what the errors at earlier origins say, not what a model believes of itself.

Days: LightGBM's quantiles give each day its own shape, in proportion to the forecast; conformal scores from the
backtest widen or narrow them until they hold (CQR, Romano et al. 2019). Scores are pooled over the panel and shrunk
towards a series' own as it has more of them. Totals (a month is the sum of its days): errors within a month are
correlated, so they are calibrated on totals themselves, in units of the width of their days.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from forecasting.backtest import Origin
from forecasting.series import Values

LEVELS = (80, 95)
_QUANTILES = {80: (0.10, 0.90), 95: (0.025, 0.975)}
# Without any backtest (one point, a few days) the band is a convention and says so: half, and the whole, of the value.
UNTESTED = {80: 0.5, 95: 1.0}
# A series' own scores weigh half once there are this many of them.
_OWN_SCORES = {"day": 250, "total": 12}
# Days of one origin move together (its level was told too high or too low), and so do totals (a launch, a holiday):
# five days, or two totals, say about as much as one by itself, and what is rare comes to more totals at once. Measured
# on single series and small bills; where many series are forecast together it changes nothing.
_INDEPENDENT = {("day", 80): 0.2, ("day", 95): 0.2, ("total", 80): 0.5, ("total", 95): 0.2}
_NORMAL = NormalDist()
_SPANS = ((1, 7), (8, 30), (31, 60), (61, 400))


@dataclass(frozen=True)
class Told:
    """What was said at one origin, (series, horizon): the combination, what came since (NaN: not yet), raw widths."""

    point: Values
    actuals: Values
    widths: dict[int, tuple[Values, Values]]  # below and above, per level


@dataclass(frozen=True)
class Band:
    """Lower and upper bounds, (series, horizon), per level."""

    lower: dict[int, Values]
    upper: dict[int, Values]


def told(origin: Origin, point: Values) -> Told:
    return Told(point, origin.actuals, shapes(origin, point))


def shapes(origin: Origin, point: Values) -> dict[int, tuple[Values, Values]]:
    """Uncalibrated widths below and above the point, per level; without quantiles, a normal band of the spread."""
    found = {}
    size = 0.5 * (np.abs(point) + origin.scales[:, None])
    middle = 0.5 * (origin.quantile(0.10) + origin.quantile(0.90))
    for level, (low, high) in _QUANTILES.items():
        lower, upper = origin.quantile(low), origin.quantile(high)
        ratio = np.clip(np.abs(point) / np.maximum(np.abs(middle), 1e-12), 0.2, 5.0)
        width = np.maximum(upper - lower, 0) * ratio
        below = np.clip((middle - lower) * ratio, 0.2 * width, 0.8 * width)
        plain = (1.28 if level == 80 else 1.96) * np.maximum(origin.spreads[:, None], 0.1 * size)
        above = np.where(np.isfinite(width), width - below, plain)
        below = np.where(np.isfinite(width), below, plain)
        floor = 0.005 * size
        found[level] = (np.maximum(below, floor), np.maximum(above, floor))
    return found


def calibrate(past: list[Told], now: Told) -> Band:
    """Bounds of the point per day, from what was said at earlier origins."""
    point = now.point
    lower, upper = {}, {}
    for level in LEVELS:
        factors = np.ones_like(point)
        for first, last in _SPANS:
            if first > point.shape[1]:
                break
            columns = slice(first - 1, min(last, point.shape[1]))
            scores = [_scores(then, level)[:, columns] for then in past]
            factors[:, columns] = _factors(scores, level, "day", len(point))[:, None]
        factors = _never_missing(factors)
        below, above = now.widths[level]
        lower[level], upper[level] = point - factors * below, point + factors * above
    return _contained(Band(lower, upper), point)


def calibrate_totals(past: list[Told], now: Told) -> Band:
    """Bounds of the running total of the point, from its first day to each day."""
    total = np.cumsum(now.point, axis=1)
    horizon = total.shape[1]
    steps = sorted({step for step in (1, 7, 14, 30, 60, 90) if step < horizon} | {horizon})
    lower, upper = {}, {}
    for level in LEVELS:
        known = []
        for step in steps:
            scores = [_total_scores(then, level, step) for then in past if then.point.shape[1] >= step]
            known.append(_factors(scores, level, "total", len(total)))
        factors = _along(np.array(known), steps, horizon)
        below, above = (np.cumsum(width, axis=1) for width in now.widths[level])
        lower[level], upper[level] = total - factors * below, total + factors * above
    return _contained(Band(lower, upper), total)


def _scores(then: Told, level: int) -> Values:
    """How many times its uncalibrated width each actual lay from the forecast; NaN where none is known."""
    below, above = then.widths[level]
    error = then.actuals - then.point
    return np.asarray(np.abs(error) / np.where(error < 0, below, above))


def _total_scores(then: Told, level: int, step: int) -> Values:
    below, above = (width[:, :step].sum(axis=1) for width in then.widths[level])
    error = (then.actuals - then.point)[:, :step].sum(axis=1)
    return np.asarray((np.abs(error) / np.where(error < 0, below, above))[:, None])


def _factors(scores: list[Values], level: int, kind: str, count: int) -> Values:
    """Per series the multiple of the width that holds `level` per cent of the scores: pooled, shrunk to its own."""
    if not scores or not np.isfinite(joined := np.concatenate(scores, axis=1)).any():
        return np.full(count, np.nan)
    pooled = _quantile(joined[np.isfinite(joined)], level, _INDEPENDENT[kind, level])
    found = np.full(count, pooled)
    for at in range(count):
        own = joined[at][np.isfinite(joined[at])]
        if len(own) >= 5:
            weight = len(own) / (len(own) + _OWN_SCORES[kind])
            found[at] = np.exp((1 - weight) * np.log(pooled + 1e-9) + weight * np.log(_quantile(own, level) + 1e-9))
    return found


def _quantile(scores: Values, level: int, independent: float = 1.0) -> float:
    """The conformal quantile: with one more observation than there are.

    `independent` is the share of the scores that count as observations of their own. Where they are too few for the
    level, the largest of n holds n of n + 1 errors, and is stretched as far as a normal error's quantiles lie apart.
    Two do not count: of one series' four origins two say the same (measured), of a small bill's twenty most do not.
    """
    place = level / 100 * (1 + 1 / (independent * len(scores)))
    found = float(np.quantile(scores, min(1.0, place)))
    count = max(len(scores) - 2, len(scores) / 2)
    held = count / (count + 1)
    if place <= 1 or held >= level / 100:
        return found
    return found * _NORMAL.inv_cdf(0.5 + level / 200) / _NORMAL.inv_cdf(0.5 + held / 2)


def _never_missing(factors: Values) -> Values:
    """Spans without scores take the factor before them; one without any takes 1.0."""
    filled = factors.copy()
    for column in range(filled.shape[1]):
        before = filled[:, column - 1] if column else np.ones(len(filled))
        filled[:, column] = np.where(np.isfinite(filled[:, column]), filled[:, column], before)
    return filled


def _along(known: Values, steps: list[int], horizon: int) -> Values:
    """Factors (steps, series) drawn over all days; steps beyond the backtest keep the last known factor."""
    days = np.arange(1, horizon + 1)
    out = np.empty((known.shape[1], horizon))
    for at in range(known.shape[1]):
        there = np.isfinite(known[:, at])
        out[at] = np.interp(days, np.array(steps)[there], known[there, at]) if there.any() else 1.0
    return out


def _contained(band: Band, point: Values) -> Band:
    """The 80 % band holds the point, and the 95 % band holds the 80 % band."""
    lower = {80: np.minimum(band.lower[80], point)}
    upper = {80: np.maximum(band.upper[80], point)}
    lower[95] = np.minimum(band.lower[95], lower[80])
    upper[95] = np.maximum(band.upper[95], upper[80])
    return Band(lower, upper)
