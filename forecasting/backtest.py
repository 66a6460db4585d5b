"""What each model said at earlier origins, and what came: the only evidence for choosing, weighting and intervals.

An origin k periods back sees each series without its last k values, nothing else: models, features and scales are made
from the cut series, so that no later value can reach them. Errors of the first k periods after it are known today.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np

from forecasting.series import Series, Values
from forecasting.statistical import forecast_one
from forecasting.trees import QUANTILES, forecast_with_trees

TREES = ("LightGBM", "XGBoost", "RandomForest")


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
    panel: list[Series], steps_back: int, horizon: int, models: tuple[str, ...], *, seed: int, workers: int
) -> Origin:
    """Every model's forecast of every series, made with what was known `steps_back` periods before its end.

    A series too short to be cut that far is all NaN.
    """
    cut = [s.until(steps_back) if len(s.values) > steps_back + 1 or not steps_back else None for s in panel]
    present = [at for at, s in enumerate(cut) if s is not None]
    series = [cut[at] for at in present]
    shape = (len(panel), horizon)
    points = {name: np.full(shape, np.nan) for name in models}
    quantiles = np.full((*shape, len(QUANTILES)), np.nan)
    failures: dict[tuple[str, str], str] = {}
    single = tuple(name for name in models if name not in TREES)
    for at, found in zip(present, _of_each(series, horizon, single, workers), strict=True):  # type: ignore[arg-type]
        for name, path in found.items():
            if isinstance(path, str):
                failures[panel[at].unique_id, name] = path
            else:
                points[name][at] = path
    trees = tuple(name for name in models if name in TREES)
    if trees and series:
        grown = forecast_with_trees(series, horizon, trees, seed, workers)  # type: ignore[arg-type]
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
    series: list[Series], horizon: int, models: tuple[str, ...], workers: int
) -> list[dict[str, Values | str]]:
    if workers == 1 or len(series) * len(models) < 40:
        return [forecast_one(one, horizon, models) for one in series]
    from joblib import Parallel, delayed

    # Numerical libraries would otherwise start one thread per core in every worker.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    jobs = (delayed(forecast_one)(one, horizon, models) for one in series)
    return list(Parallel(n_jobs=workers, batch_size="auto")(jobs))
