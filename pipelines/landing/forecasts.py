"""Forecasts land like an export: one folder per vintage, written once by one rename and never changed.

Layout: landing/forecasts/<vintage_id>/{points,series,backtests}.parquet. A vintage is what was expected on one day from
what was known then; data that changed since make a new vintage (…-2) and leave the old one.
Forecasts are estimates: they are never part of a sum of the ledger.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.settings import Workspace

_ESTIMATE = pa.decimal128(28, 12)
_VINTAGE = {"vintage_id": pa.string(), "vintage_date": pa.date32(), "series_id": pa.string()}
TABLES: dict[str, pa.Schema] = {
    "points": pa.schema(
        {
            **_VINTAGE,
            "grain": pa.string(),  # day | month
            "forecast_date": pa.date32(),
            "scenario": pa.string(),
            **dict.fromkeys(("yhat", "lo80", "hi80", "lo95", "hi95"), _ESTIMATE),
            "known_cost": _ESTIMATE,
            "scheduled_cost": _ESTIMATE,
            "planned_cost": _ESTIMATE,
        }
    ),
    "series": pa.schema(
        {
            **_VINTAGE,
            "series_level": pa.string(),
            "x_source": pa.string(),
            "provider": pa.string(),
            "service_name": pa.string(),
            "cost_center_id": pa.string(),
            "department": pa.string(),
            "currency": pa.string(),
            "status": pa.string(),
            "model": pa.string(),
            "candidates": pa.string(),
            "assumptions": pa.string(),
        }
    ),
    "backtests": pa.schema(
        {
            **_VINTAGE,
            "origin_date": pa.date32(),
            "grain": pa.string(),
            "periods": pa.int32(),
            "model": pa.string(),
            "actual": pa.float64(),
            "forecast": pa.float64(),
            "absolute_error": pa.float64(),
            "absolute_actual": pa.float64(),
            "naive_error": pa.float64(),
            "covered80": pa.float64(),
            "covered95": pa.float64(),
        }
    ),
}
_NONE = "none"  # a vintage without rows, so that dbt always finds every table


@dataclass(frozen=True)
class Vintage:
    vintage_id: str
    vintage_date: str
    fingerprint: str  # of everything that the forecast was made from


def ensure_forecast_files(workspace: Workspace) -> None:
    """The empty vintage, with today's columns."""
    folder = _folder(workspace) / _NONE
    for name, schema in TABLES.items():
        path = folder / f"{name}.parquet"
        if not path.is_file() or pq.read_schema(path) != schema:
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(schema.empty_table(), folder / f".{name}.parquet")
            (folder / f".{name}.parquet").replace(path)


def vintages(workspace: Workspace) -> list[Vintage]:
    """Every vintage, the oldest first."""
    found = [Vintage(**json.loads(path.read_text("utf-8"))) for path in _folder(workspace).glob("*/vintage.json")]
    return sorted(found, key=lambda v: (v.vintage_date, len(v.vintage_id), v.vintage_id))


def land_vintage(workspace: Workspace, vintage: Vintage, tables: dict[str, pa.Table]) -> None:
    """Write a new vintage: its folder appears whole, or not at all."""
    _folder(workspace).mkdir(parents=True, exist_ok=True)
    # Beside the folder that dbt reads: a half-written vintage is none.
    building = workspace.landing / f".forecast-{vintage.vintage_id}"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    for name, schema in TABLES.items():
        pq.write_table(tables[name].cast(schema), building / f"{name}.parquet", compression="zstd")
    (building / "vintage.json").write_text(json.dumps(vintage.__dict__, indent=1), "utf-8")
    os.replace(building, _folder(workspace) / vintage.vintage_id)


def _folder(workspace: Workspace) -> Path:
    return workspace.landing / "forecasts"
