"""Models of one series: ARIMA, exponential smoothing, theta, complex smoothing, decomposition, means, Prophet.

Each is a function of (values, horizon, season, dates) that gives `horizon` numbers or raises; what raises or gives no
finite number is left out of that series alone.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np

from forecasting.memory import Answers
from forecasting.series import MONTHLY, SEASON, Series, Values

Fit = Callable[[Values, int, int, list[date]], Any]
# ARIMA's cost grows with history and its forecast hardly changes beyond this.
_ARIMA_HISTORY = 400


def _statsforecast(name: str, **options: Any) -> Fit:
    def fit(values: Values, horizon: int, season: int, dates: list[date]) -> Any:
        from statsforecast import models

        if len(values) < 2 * season + 3:
            season = 1
        given = {"season_length": [season] if name == "MSTL" else season, **options}
        return getattr(models, name)(**given).forecast(y=values.copy(), h=horizon)["mean"]

    return fit


def _arima(values: Values, horizon: int, season: int, dates: list[date]) -> Any:
    return _statsforecast("AutoARIMA", approximation=True)(values[-_ARIMA_HISTORY:], horizon, season, dates)


def _ets(values: Values, horizon: int, season: int, dates: list[date]) -> Any:
    # Over twelve months a trend that goes on undamped costs more than it brings (mean error of totals 0.1 points).
    damped = True if season == SEASON[MONTHLY] else None
    return _statsforecast("AutoETS", damped=damped)(values, horizon, season, dates)


def _mstl(values: Values, horizon: int, season: int, dates: list[date]) -> Any:
    """Of logarithms where every value is above 0: seasons of costs grow with them."""
    if len(values) < 2 * season + 3:
        raise ValueError("too short to decompose")
    grows = values.min() > 0.01 * values.mean()
    path = _statsforecast("MSTL")(np.log(values) if grows else values, horizon, season, dates)
    return np.exp(path) if grows else path


def seasonal_naive(values: Values, horizon: int, season: int, dates: list[date]) -> Values:
    """The last season again."""
    last = values[-season:] if len(values) >= season else values[-1:]
    return np.asarray(np.resize(last, horizon))


def weekday_mean(values: Values, horizon: int, season: int, dates: list[date]) -> Values:
    """The mean of the last four seasons at the same place (four weeks of the same weekday)."""
    if len(values) < 2 * season:
        return np.full(horizon, float(np.mean(values[-28:])))
    seasons = min(4, len(values) // season)
    profile = values[-seasons * season :].reshape(seasons, season).mean(axis=0)
    return np.asarray(np.resize(profile, horizon))


def _prophet(values: Values, horizon: int, season: int, dates: list[date]) -> Any:
    # They set their own levels again on first use, and miss plotly when imported; what Prophet has to say is in our
    # assumptions.
    for name in ("prophet", "prophet.plot", "cmdstanpy"):
        logging.getLogger(name).disabled = True
    import pandas as pd
    from prophet import Prophet

    if len(values) < 100:
        raise ValueError("too short: Prophet falls back to a slow solver below 100 rows")
    model = Prophet(
        # Switched off silently below two years unless asked for, which costs a third of the accuracy.
        yearly_seasonality=10 if len(values) >= 540 else False,
        weekly_seasonality=3,
        daily_seasonality=False,
        seasonality_mode="multiplicative" if values.min() > 0 else "additive",
        changepoint_range=0.9,
        changepoint_prior_scale=0.05,
        uncertainty_samples=0,
    )
    model.fit(pd.DataFrame({"ds": pd.to_datetime(dates[: len(values)]), "y": values}))
    return model.predict(pd.DataFrame({"ds": pd.to_datetime(dates[len(values) :])}))["yhat"].to_numpy()


MODELS: dict[str, Fit] = {
    "AutoARIMA": _arima,
    "AutoETS": _ets,
    "AutoTheta": _statsforecast("AutoTheta"),
    "DynamicTheta": _statsforecast("DynamicOptimizedTheta"),
    "CES": _statsforecast("AutoCES"),
    "MSTL": _mstl,
    "SeasonalNaive": seasonal_naive,
    "WeekdayMean": weekday_mean,
    "Prophet": _prophet,
}


def forecast_one(series: Series, horizon: int, models: tuple[str, ...]) -> Answers:
    """Every model's forecast of one series, or why there is none."""
    found: Answers = {}
    scale = max(float(np.mean(np.abs(series.values))), 1e-12)
    values = series.values / scale
    # A model that leaves the range of all it has seen by this much has exploded; its forecast is no candidate.
    limit = 4 * float(np.max(np.abs(values))) + 1e-9
    dates = series.periods(1 - len(values), len(values) + horizon)
    for name in models:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                path = np.asarray(MODELS[name](values, horizon, SEASON[series.frequency], dates), np.float64)
            except Exception as problem:  # one model that fails must not lose the others
                found[name] = f"{type(problem).__name__}: {str(problem)[:120]}"
                continue
        if not np.all(np.isfinite(path)) or np.max(np.abs(path)) > limit:
            found[name] = "gave numbers far outside all that was ever seen"
            continue
        found[name] = (np.maximum(path, 0) if values.min() >= 0 else path) * scale
    return found
