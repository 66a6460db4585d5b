"""One probability from all detectors: a small LightGBM model, trained on anomalies that were put into real series.

The model ships as text (stacker.txt). `python -m tests.benchmarks.anomalies --train` makes it anew, byte for byte: one
thread, a fixed seed, deterministic histograms. It knows no company's data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from forecasting.anomalies import expectation
from forecasting.anomalies.detectors import WARM_UP, against_expectation, monthly_fees, scores
from forecasting.anomalies.panel import Matrix, Panel

ARTEFACT = Path(__file__).with_name("stacker.txt")
# Chosen on development series only: about 0.33 false alarms per series and month there (forecast.md 4).
THRESHOLD = 0.68
_PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.08,
    "num_leaves": 63,
    "min_data_in_leaf": 150,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "seed": 11,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_ROUNDS = 200
_DAYS_BEFORE = 120  # of residuals, so that the first day asked for has its noise


def columns_of(panel: Panel, days: int, expected: lightgbm.Booster) -> tuple[list[str], Matrix]:
    """The detectors' names and, for the newest `days` of every series, their scores: (series, days, detectors)."""
    residuals = expectation.residuals(panel, days + _DAYS_BEFORE, expected)
    found = scores(panel) | against_expectation(residuals)
    return list(found), np.stack([matrix[:, -days:] for matrix in found.values()], axis=-1).astype(np.float32)


def train(names: list[str], table: Matrix, labels: NDArray[np.bool_], weights: Matrix) -> lightgbm.Booster:
    """A model of `labels` (one per row of `table`); the same input gives the same bytes."""
    data = lightgbm.Dataset(table, labels.astype(int), weight=weights, feature_name=names, params=_PARAMETERS)
    return lightgbm.train(_PARAMETERS, data, num_boost_round=_ROUNDS)


@dataclass(frozen=True)
class Model:
    """What was learnt together: what days should have cost, and what detectors' scores say of a day."""

    expected: lightgbm.Booster
    weights: lightgbm.Booster


@cache
def shipped() -> Model:
    """The model that the package brings."""
    return Model(expectation.shipped(), lightgbm.Booster(model_file=str(ARTEFACT)))


def probabilities(panel: Panel, days: int, model: Model | None = None) -> Matrix:
    """How likely each of the newest `days` is an anomaly, 0 to 1; NaN before a series has four weeks of history."""
    model = model or shipped()
    days = min(days, panel.values.shape[1])
    _, table = columns_of(panel, days, model.expected)
    series, _, detectors = table.shape
    chance = np.asarray(model.weights.predict(table.reshape(-1, detectors), num_threads=1))
    chance = np.where(monthly_fees(panel)[:, -days:], 0.0, chance.reshape(series, days))
    age = np.cumsum(np.isfinite(panel.values), axis=1)[:, -days:]
    return np.where(age > WARM_UP, chance, np.nan)
