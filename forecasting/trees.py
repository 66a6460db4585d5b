"""Direct multi-horizon models of the whole panel at once: LightGBM, XGBoost, a random forest; a network if asked for.

Each learns from every series at once; rows are thinned evenly so that time and memory stay bounded for any panel.
LightGBM's quantile models give the shape of the intervals, which `intervals` then calibrates.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.features import SHORTEST, Known, known
from forecasting.memory import Memory
from forecasting.series import DAILY, Series, Values

QUANTILES = (0.025, 0.10, 0.90, 0.975)
# About what the accuracy stops rising at on the development series; 25 doubles each, so some 24 MB.
MOST_ROWS = {"D": 60_000, "M": 40_000}
MOST_ROWS_NETWORK = 20_000
MOST_ROWS_EACH = 1_200  # of one series: its rows overlap, and more of them teach little
# Measured on 56 daily series: at 60 and 90 days trees leave WAPE where it is without them (0.18, 0.175), and of their
# 80 % intervals 71 % hold at 60; from 120 days on totals come 7 % closer.
LEAST_HISTORY = {"D": 100, "M": 12}
_QUANTILES = "quantiles"


@dataclass(frozen=True)
class TreeForecasts:
    """(series, horizon) per model, NaN for series that trees cannot serve; quantiles have a last axis of QUANTILES."""

    points: dict[str, Values]
    quantiles: Values
    failures: dict[str, str]


def forecast_with_trees(
    panel: list[Series], horizon: int, models: tuple[str, ...], seed: int, workers: int, memory: Memory | None = None
) -> TreeForecasts:
    """Fit every model on the panel's whole history and forecast each series from its end.

    A panel without one series of `LEAST_HISTORY` gets none: there trees only tie, and miss with their intervals.
    """
    if memory is None:
        return _fitted(panel, horizon, models, seed, workers)
    question = memory.question(panel, "trees", horizon, models, seed)
    if (known := memory.recall(question)) is None:
        made = _fitted(panel, horizon, models, seed, workers)
        if not made.failures:  # what failed is tried again
            memory.remember(question, {**made.points, _QUANTILES: made.quantiles})
        return made
    shape = (len(panel), horizon)
    points = {name: np.reshape(known[name], shape) for name in models}
    return TreeForecasts(points, np.reshape(known[_QUANTILES], (*shape, len(QUANTILES))), {})


def _fitted(panel: list[Series], horizon: int, models: tuple[str, ...], seed: int, workers: int) -> TreeForecasts:
    shape = (len(panel), horizon)
    points = {name: np.full(shape, np.nan) for name in models}
    quantiles = np.full((*shape, len(QUANTILES)), np.nan)
    failures: dict[str, str] = {}
    usable = [at for at, one in enumerate(panel) if _is_usable(one)]
    if max((len(panel[at].values) for at in usable), default=0) < LEAST_HISTORY[panel[0].frequency]:
        return TreeForecasts(points, quantiles, failures)
    states = {at: known(panel[at], horizon) for at in usable}
    rows, targets = _training_rows([states[at] for at in usable], horizon)
    if len(rows) < 200:
        return TreeForecasts(points, quantiles, failures)
    asked = {at: _asked(states[at], horizon) for at in usable}
    questions = np.concatenate(
        [state.rows(t, h) for (t, h), state in zip(asked.values(), states.values(), strict=True)]
    )

    wanted: list[tuple[str, float | None]] = [(name, None) for name in models]
    wanted += [("LightGBM", level) for level in QUANTILES]
    # Threads: the libraries let go of the interpreter while they learn, and a process would first have to load them.
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(_answers, name, level, rows, targets, questions, seed) for name, level in wanted]
        answers = [answer.result() for answer in running]
    for (name, level), predicted in zip(wanted, answers, strict=True):
        if isinstance(predicted, str):
            failures[name if level is None else f"{name} {level:.1%}"] = predicted
            continue
        found = np.full(shape, np.nan)
        for place, at in enumerate(usable):
            part = predicted[place * horizon : (place + 1) * horizon]
            found[at] = states[at].from_target(part, asked[at][0])
        if level is None:
            points[name] = found
        else:
            quantiles[:, :, QUANTILES.index(level)] = found
    return TreeForecasts(points, np.sort(quantiles, axis=2), failures)


def _is_usable(series: Series) -> bool:
    """Long enough for its running statistics, never negative, and not gone."""
    recent = series.values[-SHORTEST[series.frequency] :]
    return len(recent) == SHORTEST[series.frequency] and bool(series.values.min() >= 0) and bool(recent.sum() > 0)


def _answers(
    name: str, quantile: float | None, rows: Values, targets: Values, questions: Values, seed: int
) -> Values | str:
    """The model's answers, or why there are none: one model that fails must not lose the others."""
    try:
        model = _untrained(name, quantile, len(rows), seed)
        if name == "RandomForest":
            model.fit(rows.astype(np.float32), np.clip(targets, -2, 2))
        elif name == "NeuralNetwork":
            return _of_a_network(model, rows, targets, questions)
        else:
            model.fit(rows, targets)
        return np.asarray(model.predict(questions), np.float64)
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"


def _of_a_network(model: Any, rows: Values, targets: Values, questions: Values) -> Values:
    """On one thread, so that the number of cores moves no digit; 20,000 rows did as well as 60,000."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    every = -(-len(rows) // MOST_ROWS_NETWORK)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows[::every], np.clip(targets[::every], -2, 2))
        return np.asarray(model.predict(questions), np.float64)


def _asked(state: Known, horizon: int) -> tuple[Any, Any]:
    return np.full(horizon, len(state.values) - 1), np.arange(1, horizon + 1)


def _training_rows(states: list[Known], horizon: int) -> tuple[Values, Values]:
    """Origins spread evenly over each history, and for each a comb of horizons that shifts from origin to origin."""
    if not states:
        return np.empty((0, 0)), np.empty(0)
    frequency = states[0].frequency
    first = SHORTEST[frequency] - 1
    possible = sum(max(len(s.values) - 1 - first, 0) for s in states) * horizon
    thin = max(possible / min(MOST_ROWS[frequency], MOST_ROWS_EACH * len(states)), 1.0)
    origin_step = max(1, min(7 if frequency == DAILY else 1, round(thin)))
    # Coprime with the week, so that every weekday is an origin; larger panels skip further.
    origin_step = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 5}[origin_step]
    comb = max(1, round(thin / origin_step))
    parts, targets = [], []
    for state in states:
        origins = np.arange(len(state.values) - 2, first - 1, -origin_step)
        if comb > horizon:
            origins = origins[:: max(1, comb // horizon)]
        if not len(origins):
            continue
        t = np.repeat(origins, -(-horizon // comb))
        shift = np.repeat(np.arange(len(origins)) * 3 % min(comb, horizon), -(-horizon // comb))
        h = 1 + shift + comb * np.tile(np.arange(-(-horizon // comb)), len(origins))
        inside = (h <= horizon) & (t + h < len(state.values)) & (state.level[t] > 0)
        t, h = t[inside], h[inside]
        parts.append(state.rows(t, h))
        targets.append(state.target(t, h))
    if not parts:
        return np.empty((0, 0)), np.empty(0)
    return np.concatenate(parts), np.concatenate(targets)


def _untrained(name: str, quantile: float | None, count: int, seed: int) -> Any:
    """One thread each: models run beside each other, and threads that wait for each other cost more than they save."""
    if name == "LightGBM":
        from lightgbm import LGBMRegressor

        return LGBMRegressor(
            objective="l1" if quantile is None else "quantile",
            alpha=quantile or 0.5,
            n_estimators=400 if quantile is None else 90,
            learning_rate=0.04 if quantile is None else 0.1,
            num_leaves=60 if quantile is None else 20,
            min_child_samples=40,
            subsample=0.7,
            subsample_freq=1,
            colsample_bytree=0.6,
            reg_lambda=1.0,
            max_bin=127,
            random_state=seed,
            n_jobs=1,
            deterministic=True,
            force_row_wise=True,
            verbose=-1,
        )
    if name == "XGBoost":
        from xgboost import XGBRegressor

        return XGBRegressor(
            objective="reg:absoluteerror",
            n_estimators=250,
            learning_rate=0.06,
            max_depth=8,
            min_child_weight=20,
            subsample=0.7,
            colsample_bytree=0.6,
            max_bin=128,
            tree_method="hist",
            random_state=seed,
            n_jobs=1,
        )
    if name == "NeuralNetwork":
        from sklearn.impute import SimpleImputer
        from sklearn.neural_network import MLPRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        # What a series does not know yet (last year) is its usual value, and a column says so.
        network = MLPRegressor(
            hidden_layer_sizes=(48, 24), alpha=1e-3, batch_size=512, max_iter=20, tol=0.0, random_state=seed
        )
        filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        return make_pipeline(filled, StandardScaler(), network)
    from sklearn.ensemble import RandomForestRegressor

    # A forest on absolute errors is quadratic in rows; squared errors of clipped logs come close for a sort's cost.
    return RandomForestRegressor(
        n_estimators=40,
        min_samples_leaf=8,
        max_features=0.4,
        max_samples=min(1.0, 15_000 / count),
        random_state=seed,
        n_jobs=1,
    )
