"""An outlook as the tables of a vintage: points per series, grain, date, scenario; what stands behind them."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pyarrow as pa

from forecasting.ledger.outlook import Node, Outlook
from forecasting.series import Values
from pipelines.landing.forecasts import TABLES, Vintage

_BOUNDS = ("lo80", "hi80", "lo95", "hi95")


def vintage_tables(outlook: Outlook, vintage: Vintage) -> dict[str, pa.Table]:
    said = {"vintage_id": vintage.vintage_id, "vintage_date": vintage.vintage_date}
    tables = {
        "points": _points(outlook),
        "series": pl.DataFrame([_about(outlook, node) for node in outlook.nodes], infer_schema_length=None),
        "backtests": pl.DataFrame(
            [
                {
                    "series_id": row.unique_id,
                    "origin_date": row.origin,
                    "grain": row.grain,
                    "periods": row.horizon,
                    "model": row.model,
                    "actual": row.actual,
                    "forecast": row.forecast,
                    "absolute_error": row.absolute_error,
                    "absolute_actual": row.absolute_actual,
                    "naive_error": row.naive_error,
                    "covered80": row.covered80,
                    "covered95": row.covered95,
                }
                for row in outlook.backtests
            ],
            schema=_BACKTESTS,
        ),
    }
    return {
        name: table.with_columns(
            pl.lit(said["vintage_id"]).alias("vintage_id"),
            pl.lit(said["vintage_date"]).str.to_date().alias("vintage_date"),
        )
        .select(_order(name))
        .to_arrow()
        for name, table in tables.items()
    }


_NUMBERS = ("actual", "forecast", "absolute_error", "absolute_actual", "naive_error", "covered80", "covered95")
_BACKTESTS: dict[str, type[pl.DataType]] = {
    "series_id": pl.String,
    "origin_date": pl.Date,
    "grain": pl.String,
    "periods": pl.Int32,
    "model": pl.String,
    **dict.fromkeys(_NUMBERS, pl.Float64),
}


def _order(name: str) -> list[str]:
    return [str(column) for column in TABLES[name].names]


def _points(outlook: Outlook) -> pl.DataFrame:
    """Days and months of every node and scenario. Sums of values with four decimals, so exact in decimals."""
    calendar, nodes, covered = outlook.calendar, outlook.nodes, outlook.calendar.covered
    known, scheduled, planned = (
        _by_node(outlook, values) for values in (outlook.actuals, outlook.scheduled, outlook.planned)
    )
    parts = []
    for scenario, points in outlook.points.items():
        by_day = _by_node(outlook, points)
        grains = (
            ("day", calendar.days[:covered], by_day[:, :covered], np.zeros((len(nodes), covered)),
             scheduled[:, :covered], planned[:, :covered]),
            ("month", calendar.months, calendar.by_month(by_day) + known, known, calendar.by_month(scheduled),
             calendar.by_month(planned)),
        )  # fmt: skip
        for which, (grain, dates, values, been, by_schedule, by_plan) in enumerate(grains):
            offsets = {name: np.stack([offset[name][which] for offset in outlook.offsets]) for name in _BOUNDS}
            frame = pl.DataFrame(
                {
                    "node": np.repeat(np.arange(len(nodes)), len(dates)),
                    "forecast_date": list(dates) * len(nodes),
                    "yhat": values.ravel(),
                    **{name: (values + offset).ravel() for name, offset in offsets.items()},
                    "known_cost": been.ravel(),
                    "scheduled_cost": by_schedule.ravel(),
                    "planned_cost": by_plan.ravel(),
                }
            )
            parts.append(
                _in_decimals(frame).with_columns(pl.lit(grain).alias("grain"), pl.lit(scenario).alias("scenario"))
            )
    names = pl.DataFrame({"node": np.arange(len(nodes)), "series_id": [node.series_id for node in nodes]})
    return pl.concat(parts).sort("node", maintain_order=True).join(names, on="node", maintain_order="left")


def _by_node(outlook: Outlook, of_leaves: Values) -> Values:
    return np.stack([of_leaves[list(node.rows)].sum(axis=0) for node in outlook.nodes])


def _in_decimals(frame: pl.DataFrame) -> pl.DataFrame:
    """Rounded to 1/10,000; bounds hold their point, and the wider band the narrower."""
    numbers = ["yhat", *_BOUNDS, "known_cost", "scheduled_cost", "planned_cost"]
    held = frame.with_columns(
        pl.min_horizontal("lo80", "yhat").alias("lo80"),
        pl.max_horizontal("hi80", "yhat").alias("hi80"),
        pl.min_horizontal("lo95", "lo80", "yhat").alias("lo95"),
        pl.max_horizontal("hi95", "hi80", "yhat").alias("hi95"),
    )
    return held.with_columns(pl.col(numbers).round(4).cast(pl.Decimal(28, 4)).cast(pl.Decimal(28, 12)))


def _about(outlook: Outlook, node: Node) -> dict[str, object]:
    forecasts = [f for row in node.rows if (f := outlook.forecasts.get(outlook.leaves[row].series_id))]
    rows = list(node.rows)
    events = [
        event.assumption() for event, parts in zip(outlook.events, outlook.parts, strict=True) if parts[rows].any()
    ]
    is_leaf = node.level == "leaf"
    notes = [*(forecasts[0].assumptions if is_leaf and forecasts else ()), *events]
    statuses = [f.status for f in forecasts]
    worst = next((s for s in ("fallback", "low_confidence", "ok") if s in statuses), "scheduled")
    return {
        "series_id": node.series_id,
        "series_level": node.level,
        **{
            key: getattr(node.about, key) or None
            for key in ("x_source", "provider", "service_name", "cost_center_id", "department", "currency")
        },
        "status": worst if is_leaf else ("ok" if "ok" in statuses else worst),
        "model": (forecasts[0].model if forecasts else "schedule") if is_leaf else f"sum of {len(node.rows)} leaves",
        "candidates": json.dumps(
            {k: round(v, 4) for k, v in forecasts[0].candidates.items()} if is_leaf and forecasts else {},
            sort_keys=True,
        ),
        "assumptions": "; ".join(notes),
    }
