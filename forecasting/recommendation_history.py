"""What was recommended, as it stood, and what it cost before: landed, so that ages and savings are honest."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb

from pipelines.landing.optimization_results import OPTIMIZATION_TABLES
from pipelines.landing.results import land_result, landed_result
from pipelines.settings import Workspace

Row = dict[str, Any]
_HISTORY_DAYS = 400  # of recommendations as they stood


def baselines_of(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """What accepted recommendations cost before, per weekday."""
    return _table(con, "select * from int_savings__baselines order by recommendation_id, weekday")


def todays_recommendations(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """Those on resources, as they stand in the warehouse."""
    columns = ", ".join(field.name for field in OPTIMIZATION_TABLES["recommendation_history"])
    return _table(
        con,
        f"select {columns} from fct_recommendations where archive_reason is null and dimension <> 'purchase' "
        "order by recommendation_id",
    )


def _table(con: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    result = con.execute(sql)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def freeze_baselines(workspace: Workspace, baselines: list[Row]) -> None:
    """What was accepted for the first time keeps its baseline from now on, whatever the bill says later."""
    kept = landed_result(workspace, "savings_baselines")
    known = {row["recommendation_id"] for row in kept}
    land_result(
        workspace, "savings_baselines", kept + [row for row in baselines if row["recommendation_id"] not in known]
    )


def keep_recommendations(workspace: Workspace, today: date | None, recommendations: list[Row]) -> None:
    """Today's recommendations replace those that were kept for the same day of data, or for later ones."""
    days = {row["run_date"] for row in recommendations} or ({today} if today else set())
    newest = max(days, default=None)
    if newest is None:
        return
    before = [
        row
        for row in landed_result(workspace, "recommendation_history")
        if row["run_date"] < newest and (newest - row["run_date"]).days <= _HISTORY_DAYS
    ]
    land_result(workspace, "recommendation_history", before + recommendations)
