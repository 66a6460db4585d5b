"""What our own Python computes lands like an export: one Parquet file per table, replaced as a whole by one rename.

Layout: landing/results/<table>.parquet. A table that nothing has computed yet is an empty file: dbt always finds it.
Expected costs are estimates; they land as decimals rounded to cents. Actual costs are exact sums of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.landing.optimization_results import OPTIMIZATION_TABLES
from pipelines.settings import Workspace

_MONEY = pa.decimal128(28, 12)
_RATIO = pa.decimal128(18, 6)
_SCOPE = {
    "level": pa.string(),  # leaf | account | service | team | total | several
    "x_source": pa.string(),
    "sub_account_id": pa.string(),
    "service_name": pa.string(),
    "cost_center_id": pa.string(),
    "currency": pa.string(),
}
TABLES: dict[str, pa.Schema] = OPTIMIZATION_TABLES | {
    "anomaly_days": pa.schema(
        {
            "anomaly_id": pa.string(),
            "charge_date": pa.date32(),
            "expected_cost": _MONEY,
            "actual_cost": _MONEY,
        }
    ),
    "anomaly_incidents": pa.schema(
        {
            "anomaly_id": pa.string(),
            **_SCOPE,
            "series_count": pa.int32(),
            "also_seen_on": pa.string(),
            "first_seen_date": pa.date32(),
            "resolved_date": pa.date32(),
            "is_new_level": pa.bool_(),
            "score": _RATIO,
            "threshold": _RATIO,
            "suppressed_by": pa.string(),
            "label": pa.string(),
            "root_cause": pa.string(),
        }
    ),
    "anomaly_causes": pa.schema(
        {
            "anomaly_id": pa.string(),
            "dimension": pa.string(),
            "cause_rank": pa.int32(),
            "value": pa.string(),
            "state": pa.string(),
            "expected_cost": _MONEY,
            "actual_cost": _MONEY,
            "delta_cost": _MONEY,
            "delta_share": _RATIO,
            "score": _RATIO,
            "price_effect": _MONEY,
            "quantity_effect": _MONEY,
            "currency": pa.string(),
        }
    ),
    "budget_outlooks": pa.schema(
        {
            "budget_id": pa.string(),
            "period": pa.string(),
            "version": pa.int32(),
            "as_of_date": pa.date32(),
            "expected_share": _RATIO,
            "month_share": _RATIO,  # the same of the month that is under way
            "forecast_rest": _MONEY,
            "rest_lo80": _MONEY,
            "rest_hi80": _MONEY,
            "rest_lo95": _MONEY,
            "rest_hi95": _MONEY,
            "overrun_probability": _RATIO,
            "expected_ratio": _RATIO,  # expected cost / (amount + what planned events add): what forecast alerts go by
            "is_away": pa.bool_(),  # money was moved for it and it has not come back since
            "forecast_status": pa.string(),
            "forecast_model": pa.string(),
            "forecast_accuracy": _RATIO,
        }
    ),
    "budget_forecast_alerts": pa.schema(
        {
            "budget_id": pa.string(),
            "period": pa.string(),
            "version": pa.int32(),
            "threshold_percent": _RATIO,
            "alert_date": pa.date32(),
            "expected_cost": _MONEY,
            "probability": _RATIO,
            "amount": _MONEY,
            "raised_by": _MONEY,
        }
    ),
    "budget_actual_alerts": pa.schema(
        {
            "budget_id": pa.string(),
            "period": pa.string(),
            "version": pa.int32(),
            "threshold_percent": _RATIO,
            "alert_date": pa.date32(),
            "raised_on": pa.date32(),
            "cost": _MONEY,
            "amount": _MONEY,
            "raised_by": _MONEY,
        }
    ),
    "budget_adjustments": pa.schema(
        {
            "adjustment_id": pa.string(),
            "kind": pa.string(),
            "period": pa.string(),
            "from_budget_id": pa.string(),
            "to_budget_id": pa.string(),
            "amount": _MONEY,
            "amount_before": _MONEY,
            "amount_after": _MONEY,
            "conservative_amount": _MONEY,
            "aggressive_amount": _MONEY,
            "history_amount": _MONEY,
            "growth_ratio": _RATIO,
            "seasonal_index": _RATIO,
            "constrained_by": pa.string(),
            "confidence": _RATIO,
            "reason": pa.string(),
            "valid_from": pa.date32(),
            "approval": pa.string(),
            "status": pa.string(),
        }
    ),
    "anomaly_quality": pa.schema(
        {
            "evidence": pa.string(),
            "events": pa.int64(),
            "detected": pa.int64(),
            "false_alarms": pa.int64(),
            "series_months": _RATIO,
            "precision_rate": _RATIO,
            "recall_rate": _RATIO,
            "large_recall_rate": _RATIO,
            "cost_caught": _RATIO,
            "delay_days": _RATIO,
        }
    ),
}


def ensure_result_files(workspace: Workspace) -> None:
    """An empty file for every table that has not been computed yet; one that an older version wrote keeps its rows.

    What is only ever added to (moves of budget, alerts) would be lost with them. Columns that it lacks are NULL.
    """
    for name, schema in TABLES.items():
        path = _path(workspace, name)
        if not path.is_file():
            _write(path, pa.table({field.name: [] for field in schema}, schema=schema))
        elif (written := pq.read_schema(path)) != schema:
            kept = pq.read_table(path) if all(field in list(schema) for field in written) else written.empty_table()
            columns = [
                kept[field.name] if field.name in kept.column_names else pa.nulls(len(kept), field.type)
                for field in schema
            ]
            _write(path, pa.table(columns, schema=schema) if len(kept) else schema.empty_table())


def land_result(workspace: Workspace, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace one table. The same rows are the same bytes."""
    _write(_path(workspace, name), pa.Table.from_pylist([dict(row) for row in rows], TABLES[name]))


def landed_result(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    """The rows of one table as they landed last."""
    rows: list[dict[str, Any]] = pq.read_table(_path(workspace, name)).to_pylist()
    return rows


def results_version(workspace: Workspace) -> dict[str, bytes]:
    """What the result tables hold now, to tell whether a computation changed any."""
    return {name: _path(workspace, name).read_bytes() for name in TABLES}


def _path(workspace: Workspace, name: str) -> Path:
    return workspace.landing / "results" / f"{name}.parquet"


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    pq.write_table(table, temporary)
    temporary.replace(path)
