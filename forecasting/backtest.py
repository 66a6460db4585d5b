"""What each model said at earlier origins, and what came: the only evidence for choosing, weighting and intervals.

An origin k periods back sees each series without its last k values, nothing else: models, features and scales are made
from the cut series, so that no later value can reach them. Errors of the first k periods after it are known today.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np

from forecasting.memory import Answers, Memory
from forecasting.series import Series, Values
from forecasting.statistical import forecast_one
from forecasting.trees import QUANTILES, forecast_with_trees

TREES = ("LightGBM", "XGBoost", "RandomForest")
LEARNED = (*TREES, "NeuralNetwork")  # of the whole panel at once, on the same features
# About what a model takes for a year of days; a worker process first takes some three seconds to load the libraries.
_SECONDS = {"AutoARIMA": 0.5, "AutoETS": 0.1, "AutoTheta": 0.01, "DynamicTheta": 0.003, "CES": 0.1, "MSTL": 0.02}
_SECONDS |= {"Prophet": 0.3}
_WORTH_A_PROCESS = 15.0


@dataclass(frozen=True)
class Origin:
    """All forecasts made `steps_back` periods before each series' end: (series, horizon), NaN where there is none."""

    steps_back: int
    points: dict[str, Values]
    quantiles: Values  # last axis: trees.QUANTILES
    actuals: Values  # NaN after the end of the series, and everywhere when steps_back is 0
    scales: Values  # per series: mean absolute value of the last 56 periods known at the origin
    spreads: Values  # per series: their standard deviation
    failures: dict[tuple[str, str], str] = field(default_factory=dict)  # (series, model): why

    def quantile(self, level: float) -> Values:
        return np.asarray(self.quantiles[:, :, QUANTILES.index(level)])


def forecast_from(
    panel: list[Series],
    steps_back: int,
    horizon: int,
    models: tuple[str, ...],
    *,
    seed: int,
    workers: int,
    memory: Memory | None = None,
) -> Origin:
    """Every model's forecast of every series, made with what was known `steps_back` periods before its end.

    A series too short to be cut that far is all NaN.
    """
    present = [at for at, s in enumerate(panel) if len(s.values) > steps_back + 1 or not steps_back]
    series = [panel[at].until(steps_back) for at in present]
    shape = (len(panel), horizon)
    points = {name: np.full(shape, np.nan) for name in models}
    quantiles = np.full((*shape, len(QUANTILES)), np.nan)
    failures: dict[tuple[str, str], str] = {}
    single = tuple(name for name in models if name not in LEARNED)
    for at, found in zip(present, _of_each(series, horizon, single, workers, memory), strict=True):
        for name, path in found.items():
            if isinstance(path, str):
                failures[panel[at].unique_id, name] = path
            else:
                points[name][at] = path
    trees = tuple(name for name in models if name in LEARNED)
    if trees and series:
        grown = forecast_with_trees(series, horizon, trees, seed, workers, memory)
        for name, paths in grown.points.items():
            points[name][present] = paths
        quantiles[present] = grown.quantiles
        failures |= {("*", name): why for name, why in grown.failures.items()}
    actuals = np.full(shape, np.nan)
    scales, spreads = np.full(len(panel), np.nan), np.full(len(panel), np.nan)
    for at in present:
        values = panel[at].values
        came = values[len(values) - steps_back :][:horizon] if steps_back else values[:0]
        actuals[at, : len(came)] = came
        recent = values[: len(values) - steps_back][-56:]
        scales[at], spreads[at] = max(np.mean(np.abs(recent)), 1e-9), np.std(recent)
    return Origin(steps_back, points, quantiles, actuals, scales, spreads, failures)


def _of_each(
    series: list[Series], horizon: int, models: tuple[str, ...], workers: int, memory: Memory | None
) -> list[Answers]:
    if memory is None:
        return _asked_of_each(series, horizon, models, workers)
    questions = [memory.question([one], "each", horizon, models) for one in series]
    new = {question: one for question, one in zip(questions, series, strict=True) if memory.recall(question) is None}
    for question, found in zip(new, _asked_of_each(list(new.values()), horizon, models, workers), strict=True):
        memory.remember(question, found)
    return [memory.recall(question) or {} for question in questions]


def _asked_of_each(series: list[Series], horizon: int, models: tuple[str, ...], workers: int) -> list[Answers]:
    seconds = len(series) * sum(_SECONDS.get(name, 0.0) for name in models)
    if workers == 1 or seconds < _WORTH_A_PROCESS:
        return [forecast_one(one, horizon, models) for one in series]
    from joblib import Parallel, delayed

    # Numerical libraries would otherwise start one thread per core in every worker.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    jobs = (delayed(forecast_one)(one, horizon, models) for one in series)
    return list(Parallel(n_jobs=workers, batch_size="auto")(jobs))
