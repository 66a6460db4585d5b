"""The step `forecast` of a run: read the built warehouse, forecast, land a vintage when anything has changed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import duckdb
import polars as pl

from forecasting.ledger.events import Event, in_billed_currency
from forecasting.ledger.outlook import outlook
from forecasting.ledger.panel import ledger_panel, usage_series
from forecasting.ledger.rows import vintage_tables
from forecasting.memory import Memory
from pipelines.landing.forecasts import Vintage, land_vintage, vintages
from pipelines.settings import Workspace

SEED = 7
# Part of every fingerprint: forecasts made by other rules are another vintage.
METHOD = "3"
# What accounts and small services make of a leaf's newest usage; only asked where an event names one.
_MIX = """
select x_source, sub_account_id, service_name, cost_center_id, currency, cast(sum(cost) as decimal(28, 12)) as cost
from int_budgets__costs
where
    is_usage and charge_date > (select max(charge_date) - 28 from int_budgets__costs)
    and exists (select 1 from stg_decisions__planned_events where scope in ('sub_account', 'service'))
group by all order by all
"""


def forecast_ledger(workspace: Workspace, workers: int = 2) -> str:
    """Forecast the ledger and land the vintage; return what was done, for people.

    Nothing is computed again for the same costs, events and settings.
    """
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        rows = con.execute("select * from int_forecasts__costs order by all").pl()
        units: dict[str, frozenset[str]] = {}
        for center, unit in con.execute(
            "select cost_center_id, max_by(business_unit, valid_from) from dim_cost_centers group by 1"
        ).fetchall():
            units[unit] = units.get(unit, frozenset()) | {center}
        events = [Event.of(row, units) for row in con.execute(
            "select * from stg_decisions__planned_events order by event_id").pl().iter_rows(named=True)]  # fmt: skip
        mix = con.execute(_MIX).pl()
        newest = con.execute("select from_currency, rate from int_currency__newest_rates")
        rates = {currency: float(rate) for currency, rate in newest.fetchall()}
    pool = workspace.settings.forecast.pool
    panel = ledger_panel(rows)
    if panel is None or panel.costs.filter(pl.col("stream") == "usage").is_empty():
        return "forecast   nothing to forecast yet"
    events = in_billed_currency(events, usage_series(panel), mix, rates)
    fingerprint = _fingerprint([rows, mix], events, pool)
    known = vintages(workspace)
    if known and known[-1].fingerprint == fingerprint:
        return f"forecast   vintage {known[-1].vintage_id} stands: nothing has changed since"
    day = panel.as_of.isoformat()
    earlier = sum(1 for vintage in known if vintage.vintage_date == day)
    vintage = Vintage(f"{day}-{earlier + 1}", day, fingerprint)
    memory = Memory(workspace.scratch / "forecast_memory.parquet")
    made = outlook(panel, events, mix, pool, SEED, workers, lambda _: None, memory)
    land_vintage(workspace, vintage, vintage_tables(made, vintage))
    memory.keep()
    nowhere = [event.event_id for event, parts in zip(events, made.parts, strict=True) if not parts.any()]
    missed = f"; nothing costs in the scope of {', '.join(nowhere)} (planned_events.csv)" if nowhere else ""
    return f"forecast   vintage {vintage.vintage_id}: {len(made.leaves)} leaves, {len(made.nodes)} series{missed}"


def _fingerprint(tables: list[pl.DataFrame], events: list[Event], pool: str) -> str:
    said = [replace(event, centers=frozenset()) for event in events]
    units = [sorted(event.centers) for event in events]  # sets have no order of their own
    digest = hashlib.sha256(f"{METHOD}|{SEED}|{pool}|{said!r}|{units!r}".encode())
    for table in tables:
        digest.update(table.hash_rows(seed=1).to_numpy().tobytes())
    return digest.hexdigest()
