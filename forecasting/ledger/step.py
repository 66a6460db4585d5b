"""The step `forecast` of a run: read the built warehouse, forecast, land a vintage when anything has changed."""

from __future__ import annotations

import hashlib

import duckdb
import polars as pl

from forecasting.ledger.events import Event
from forecasting.ledger.outlook import outlook
from forecasting.ledger.panel import ledger_panel
from forecasting.ledger.rows import vintage_tables
from forecasting.memory import Memory
from pipelines.landing.forecasts import Vintage, land_vintage, vintages
from pipelines.settings import Workspace

SEED = 7
# Part of every fingerprint: forecasts made by other rules are another vintage.
METHOD = "2"


def forecast_ledger(workspace: Workspace, workers: int = 2) -> str:
    """Forecast the ledger and land the vintage; return what was done, for people.

    Nothing is computed again for the same costs, events and settings.
    """
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        rows = con.execute("select * from int_forecasts__costs order by all").pl()
        events = [Event.of(row) for row in con.execute(
            "select * from stg_decisions__planned_events order by event_id").pl().iter_rows(named=True)]  # fmt: skip
    pool = workspace.settings.forecast.pool
    panel = ledger_panel(rows)
    if panel is None or panel.costs.filter(pl.col("stream") == "usage").is_empty():
        return "forecast   nothing to forecast yet"
    fingerprint = _fingerprint(rows, events, pool)
    known = vintages(workspace)
    if known and known[-1].fingerprint == fingerprint:
        return f"forecast   vintage {known[-1].vintage_id} stands: nothing has changed since"
    day = panel.as_of.isoformat()
    earlier = sum(1 for vintage in known if vintage.vintage_date == day)
    vintage = Vintage(f"{day}-{earlier + 1}", day, fingerprint)
    memory = Memory(workspace.scratch / "forecast_memory.parquet")
    made = outlook(panel, events, pool, SEED, workers, lambda _: None, memory)
    land_vintage(workspace, vintage, vintage_tables(made, vintage))
    memory.keep()
    return f"forecast   vintage {vintage.vintage_id}: {len(made.leaves)} leaves, {len(made.nodes)} series"


def _fingerprint(rows: pl.DataFrame, events: list[Event], pool: str) -> str:
    digest = hashlib.sha256(f"{METHOD}|{SEED}|{pool}|{events!r}".encode())
    digest.update(rows.hash_rows(seed=1).to_numpy().tobytes())
    return digest.hexdigest()
