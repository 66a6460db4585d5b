"""What the arithmetic of decisions cannot hold, and what their dates leave open.

A weight of a shared pool is divided in whole trillionths: a group's weights must stay below 10^20 in sum. A split rule
claims nothing on days on which one of its cost centres does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from pipelines.landing.decision_files import Row
from pipelines.landing.shared_costs import Tables

_WEIGHTS_END = Decimal(10) ** 20
_DAYS = 31  # heads and revenue weigh by the days of a month
RULE_GAPS = pa.schema(
    {
        "rule_id": pa.string(),
        "rule_version": pa.string(),
        "cost_center_id": pa.string(),
        "missing_from": pa.date32(),
        "missing_to": pa.date32(),
    }
)


def check_weights(tables: Tables, problems: list[str]) -> None:
    """Name the largest cell of each group of weights that comes to 10^20 or more."""
    for column in ("headcount", "revenue"):
        what = f"the {column} of all cost centres, by the days of a month,"
        _check_sum("cost_centers", column, what, tables["cost_centers"], Decimal(_DAYS), problems)
    heaviest: dict[str, Decimal] = {}
    for tier in tables["driver_tiers"]:
        heaviest[tier["driver"]] = max(heaviest.get(tier["driver"], Decimal(0)), tier["weight"])
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in tables["drivers"]:
        groups.setdefault((row["driver"], f"{row['date']:%Y-%m}"), []).append(row)
    for (driver, month), rows in groups.items():
        what = f"driver '{driver}' in {month}" + (", weighed by driver_tiers.csv," if driver in heaviest else "")
        _check_sum("drivers", "quantity", what, rows, heaviest.get(driver, Decimal(1)), problems)


def _check_sum(name: str, column: str, what: str, rows: Iterable[Row], weight: Decimal, problems: list[str]) -> None:
    rows = list(rows)
    total = sum((abs(row[column]) for row in rows), Decimal(0)) * weight
    if total >= _WEIGHTS_END:
        largest = max(rows, key=lambda row: (abs(row[column]), -row["_line"]))
        problems.append(
            f"{name}.csv line {largest['_line']}, column {column}: {what} comes to {total:.2e}, too much to divide by; "
            "use a larger unit (a thousand, a million) in every row, so that it stays below 1e20"
        )


def rule_gaps(tables: Tables) -> list[Row]:
    """Days of split rules on which one of their cost centres does not exist and another one does."""
    life: dict[str, tuple[date, date]] = {}
    for row in tables["cost_centers"]:
        begins, ends = life.get(row["cost_center_id"], (row["valid_from"], row["valid_to"]))
        life[row["cost_center_id"]] = min(begins, row["valid_from"]), max(ends, row["valid_to"])
    rules: dict[tuple[str, str], list[Row]] = {}
    for row in tables["allocation_rules"]:
        rules.setdefault((row["rule_id"], row["rule_version"]), []).append(row)
    return [gap for rows in rules.values() for gap in _gaps(rows, life)]


def _gaps(rows: list[Row], life: dict[str, tuple[date, date]]) -> Iterable[dict[str, Any]]:
    for row in rows:
        begins, ends = life[row["cost_center_id"]]
        others = [life[other["cost_center_id"]] for other in rows if other["cost_center_id"] != row["cost_center_id"]]
        if not others:
            continue
        first = max(row["valid_from"], min(start for start, _ in others))
        last = min(row["valid_to"], max(end for _, end in others))
        for start, end in ((first, min(begins, last)), (max(ends, first), last)):
            if start < end:
                named = {name: row[name] for name in ("rule_id", "rule_version", "cost_center_id")}
                yield named | {"missing_from": start, "missing_to": end}
