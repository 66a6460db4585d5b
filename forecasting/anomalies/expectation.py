"""What each day should have cost, told 1, 4 and 8 days before it: one small LightGBM model of all series.

It knows levels, weekdays, the last days and the same weeks of last year, as logarithms against the level of the last
four weeks, so that one model serves series of any size. The forecast from the day before is the closest; the ones from
before a slow rise do not follow it. The model ships as text (expectation.txt) beside the stacker and is made with it.
"""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

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

ARTEFACT = Path(__file__).with_name("expectation.txt")
AHEAD = (1, 4, 8)  # days
_YOUNGEST = 42  # days of history before a day is learnt from
_MOST = 1.5  # what a day may differ from the level when it is learnt from: a factor of 4.5
_YEAR = 364  # whole weeks, so that a weekday meets the same weekday
_PARAMETERS: dict[str, Any] = {
    "objective": "l1",
    "learning_rate": 0.08,
    "num_leaves": 31,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 127,
    "seed": 3,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_ROUNDS = 300


def train(panel: Panel) -> lightgbm.Booster:
    """A model of the panel's own days; the same panel gives the same bytes."""
    logs = log_cost(panel.values)
    names: list[str] = []
    tables, targets = [], []
    learnt = np.isfinite(logs) & (np.cumsum(np.isfinite(logs), axis=1) > _YOUNGEST)
    for ahead in AHEAD:
        names, table, level = _known(panel, logs, ahead)
        tables.append(table[learnt])
        targets.append(np.clip(logs - level, -_MOST, _MOST)[learnt])
    data = lightgbm.Dataset(np.concatenate(tables), np.concatenate(targets), feature_name=names, params=_PARAMETERS)
    return lightgbm.train(_PARAMETERS, data, num_boost_round=_ROUNDS)


@cache
def shipped() -> lightgbm.Booster:
    """The model that the package brings."""
    return lightgbm.Booster(model_file=str(ARTEFACT))


def residuals(panel: Panel, days: int, model: lightgbm.Booster) -> dict[int, Matrix]:
    """By days ahead: log cost less what was expected of it, for the newest `days`; NaN before them."""
    logs = log_cost(panel.values)
    days = min(days, logs.shape[1])
    found = {}
    for ahead in AHEAD:
        _, table, level = _known(panel, logs, ahead)
        rows = table[:, -days:].reshape(-1, table.shape[-1])
        expected = np.asarray(model.predict(rows, num_threads=1)).reshape(len(logs), days)
        found[ahead] = np.full_like(logs, np.nan)
        found[ahead][:, -days:] = logs[:, -days:] - level[:, -days:] - expected
    return found


def _known(panel: Panel, logs: Matrix, ahead: int) -> tuple[list[str], Matrix, Matrix]:
    """What was known of each day `ahead` days before it: names, (series, days, columns), and the level then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all-NaN windows at the beginning of a series
        level = lagged(median(trailing(logs, 28, offset=0)), ahead)
        changes = without_weekday(logs)
        columns = _recent(logs, changes, level, ahead) | _last_year(logs, changes, level, ahead)
    columns |= _calendar(panel, changes)
    columns["ahead"] = np.full_like(logs, ahead)
    return list(columns), np.stack(list(columns.values()), axis=-1).astype(np.float32), level


def _recent(logs: Matrix, changes: Matrix, level: Matrix, ahead: int) -> dict[str, Matrix]:
    newest = -(-ahead // 7)  # weeks back to the newest same weekday that was known
    same = np.stack([lagged(logs, 7 * (newest + week)) for week in range(8)], axis=-1)
    week_of_changes = trailing(changes, 7, offset=0)
    found = {
        "same_weekday": median(same) - level,
        "same_weekday_of_4": np.nanmean(same[..., :4], axis=-1) - level,
        "week_change": lagged(np.nanmean(week_of_changes, axis=-1), ahead),
        "week_change_median": lagged(median(week_of_changes), ahead),
        "spread": lagged(median(np.abs(trailing(changes, 28, offset=0))), ahead),
    }
    found |= {f"same_weekday_{week}": same[..., week] - level for week in range(3)}
    found |= {f"day_{back}": lagged(logs, ahead + back) - level for back in range(4)}
    found |= {f"change_{back}": lagged(changes, ahead + back) for back in range(3)}
    for days in (7, 14, 56, 112):
        found[f"mean_{days}"] = lagged(np.nanmean(trailing(logs, days, offset=0), axis=-1), ahead) - level
    return found


def _last_year(logs: Matrix, changes: Matrix, level: Matrix, ahead: int) -> dict[str, Matrix]:
    """The same days of last year against the level that was known as long before them."""
    month, week = (np.nanmean(trailing(logs, days, offset=0), axis=-1) for days in (28, 7))
    then = lagged(month, _YEAR + ahead)
    around = {shift: lagged(logs, _YEAR + shift) for shift in range(-3, 4)}
    return {
        "last_year": around[0] - then,
        "last_year_week": np.nanmean(np.stack(list(around.values()), axis=-1), axis=-1) - then,
        "last_year_before": around[1] - then,
        "last_year_after": around[-1] - then,
        "last_year_change": lagged(changes, _YEAR),
        "last_year_change_before": lagged(changes, _YEAR + 1),
        "last_year_change_date": lagged(changes, 365),
        "last_year_level": then - level,
        "last_year_month_to_come": lagged(month, _YEAR - 14) - then,
        "last_year_week_to_come": lagged(week, _YEAR - 3) - lagged(week, _YEAR + ahead),
    }


def _calendar(panel: Panel, changes: Matrix) -> dict[str, Matrix]:
    months = panel.days.astype("datetime64[M]")
    return {
        "day_of_month": day_of_month(panel).astype(float),
        "days_to_next_month": ((months + 1).astype("datetime64[D]") - panel.days).astype(float),
        "weekday": weekday(panel).astype(float),
        "months_ago_1": months_ago(panel, changes, 1),
        "months_ago_2": months_ago(panel, changes, 2),
    }
