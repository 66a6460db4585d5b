"""From candidates to one forecast: who enters by accuracy, how the best are combined, what happens when none passes.

Accuracy is 1 - WAPE at earlier origins. A candidate's rank is its own error on the series, half shrunk to its error on
the whole panel: a few origins say little about one series, and combining beats picking (reference, 2).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecasting.backtest import LEARNED, Origin
from forecasting.series import MONTHLY, Values

THRESHOLD = 0.8  # the framework's: candidates below it are not used while enough others pass
BEST = 4  # candidates kept of each family
STATISTICAL = ("AutoARIMA", "AutoETS", "DynamicTheta", "CES", "WeekdayMean", "Prophet")
# The reference's six and a second tree. Few values each, so that they are quick enough for any panel.
MONTHLY_MODELS = ("MSTL", "CES", "SeasonalNaive", "LightGBM", "XGBoost", "AutoETS", "DynamicTheta")
# The trees' share. Until they have seen what a last year is worth they only tie with the others: measured on the
# development series, half is the best share up to 365 days, and 0.8 or more from 450 days on. Wins stop rising at 0.7.
TREES_SHARE, TREES_SHARE_SHORT, LAST_YEAR_LEARNED = 0.7, 0.5, 450


@dataclass(frozen=True)
class Judged:
    """Per model and series: accuracy at earlier origins (NaN without any) and whether it is a member."""

    accuracy: dict[str, Values]
    members: dict[str, NDArray[np.bool_]]
    passed: NDArray[np.int64]  # candidates that reached the threshold
    tested: NDArray[np.bool_]  # series with any backtest


def known_at(past: list[Origin], steps_back: int) -> list[Origin]:
    """The origins before `steps_back`, with only those of their actuals that had come by then."""
    found = []
    for origin in past:
        came = origin.steps_back - steps_back
        if came > 0:
            actuals = origin.actuals.copy()
            actuals[:, came:] = np.nan
            found.append(replace(origin, actuals=actuals))
    return found


def wape(origins: list[Origin], model: str, count: int) -> Values:
    """Σ|actual − forecast| / Σ|actual| per series over all origins; NaN where nothing is known."""
    error, size = np.zeros(count), np.zeros(count)
    for origin in origins:
        known = np.isfinite(origin.actuals) & np.isfinite(origin.points[model])
        error += np.where(known, np.abs(origin.actuals - origin.points[model]), 0).sum(axis=1)
        size += np.where(known, np.abs(origin.actuals), 0).sum(axis=1)
    return np.where(size > 0, error / np.where(size > 0, size, 1), np.nan)


def judge(past: list[Origin], models: tuple[str, ...], count: int) -> Judged:
    """Who enters: of each family the best four by shrunk error that reach the threshold; all best when none does."""
    errors = {name: wape(past, name, count) for name in models}
    stacked = np.stack([errors[name] for name in models])
    tested = np.asarray(np.isfinite(stacked).any(axis=0))
    usual = np.nanmean(np.where(tested, stacked, 1.0), axis=0)
    relative = stacked / np.maximum(usual, 1e-9)
    on_panel = [float(np.median(row[np.isfinite(row)])) if np.isfinite(row).any() else 1.0 for row in relative]
    shrunk = np.where(np.isfinite(relative), 0.5 * relative, 0.5) + 0.5 * np.array(on_panel)[:, None]
    passing = 1 - stacked >= THRESHOLD
    members = {name: np.zeros(count, bool) for name in models}
    for family in (LEARNED, STATISTICAL):
        rows = [at for at, name in enumerate(models) if name in family]
        if not rows:
            continue
        enters = passing[rows] | ~passing[rows].any(axis=0)
        order = np.argsort(np.where(enters, shrunk[rows], np.inf), axis=0, kind="stable")
        for place in range(min(BEST, len(rows))):
            chosen = order[place]
            for at, row in enumerate(rows):
                members[models[row]] |= (chosen == at) & enters[at]
    accuracy = {name: 1 - error for name, error in errors.items()}
    return Judged(accuracy, members, passing.sum(axis=0), tested)


def combine(origin: Origin, judged: Judged, lengths: NDArray[np.int64]) -> Values:
    """(series, horizon): the trees' mean and the statistical median, weighted by how much history there is."""
    share = np.where(lengths >= LAST_YEAR_LEARNED, TREES_SHARE, TREES_SHARE_SHORT)[:, None]
    trees = _over(origin, judged, LEARNED, np.nanmean)
    single = _over(origin, judged, STATISTICAL, np.nanmedian)
    blend = np.where(np.isfinite(trees) & np.isfinite(single), share * trees + (1 - share) * single, single)
    blend = np.where(np.isfinite(blend), blend, trees)
    return np.where(np.isfinite(blend), blend, origin.points["SeasonalNaive"])


def combine_months(origin: Origin) -> Values:
    """The median of all: the one recipe that is among the best for short and long histories (reference, 2b)."""
    return _centre(np.stack([origin.points[n] for n in MONTHLY_MODELS if n in origin.points]), np.nanmedian)


def _over(origin: Origin, judged: Judged, family: tuple[str, ...], centre: Callable[..., Values]) -> Values:
    names = [name for name in family if name in origin.points]
    if not names:
        return np.full_like(origin.actuals, np.nan)
    return _centre(np.stack([np.where(judged.members[n][:, None], origin.points[n], np.nan) for n in names]), centre)


def _centre(stacked: Values, centre: Callable[..., Values]) -> Values:
    """The mean or median of the models that said something; NaN where none did."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(centre(stacked, axis=0))


def describe(origin: Origin, judged: Judged, at: int, length: int, frequency: str) -> str:
    """What `combine` did for one series, as a formula."""
    there = [name for name, paths in origin.points.items() if np.isfinite(paths[at]).all()]
    if frequency == MONTHLY:
        return f"median({', '.join(n for n in there if n in MONTHLY_MODELS)})"
    used = [name for name in there if judged.members[name][at]]
    trees = [name for name in used if name in LEARNED]
    single = [name for name in used if name in STATISTICAL]
    parts = [f"mean({', '.join(trees)})"] * bool(trees) + [f"median({', '.join(single)})"] * bool(single)
    if len(parts) == 2:
        share = TREES_SHARE if length >= LAST_YEAR_LEARNED else TREES_SHARE_SHORT
        return f"{share:.2f} {parts[0]} + {1 - share:.2f} {parts[1]}"
    return parts[0] if parts else "SeasonalNaive"
