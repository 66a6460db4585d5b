"""`finops forecast --series FILE`: any table of unique_id, ds, y in, a table of forecasts out. Needs no workspace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from forecasting.engine import forecast_panel
from forecasting.results import forecast_frame, write_frame
from forecasting.series import panel_of
from forecasting.series_table import read_series
from pipelines.errors import SeriesError


def forecast_series(
    series: Path,
    horizon: int,
    out: Path,
    *,
    pool: str = "auto",
    seed: int = 7,
    workers: int = 2,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Write the forecast of every series of the file; return counts per status and the mean accuracy.

    Raises SeriesError when the file is no table of series. A series that cannot be forecast is a row with its reason.
    """
    panel = panel_of(read_series(series))
    if not panel.series and not panel.refusals:
        raise SeriesError(str(series), "has no rows", fix="Give at least one row of unique_id, ds, y")
    forecast = forecast_panel(panel, horizon, pool=pool, seed=seed, workers=workers, progress=progress)
    write_frame(forecast_frame(forecast), out)
    statuses = [found.status for found in forecast.series]
    known = [found.accuracy for found in forecast.series if found.accuracy is not None]
    return {
        "out": str(out),
        "series": len(statuses),
        "ok": statuses.count("ok"),
        "low_confidence": statuses.count("low_confidence"),
        "fallback": statuses.count("fallback"),
        "refused": len(forecast.refusals),
        "pool": forecast.pool,
        "mean_accuracy": round(sum(known) / len(known), 4) if known else None,
    }
