"""Checks of what people decide about the future: budgets, planned events."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

import pyarrow as pa

from pipelines.landing.decision_files import Row
from pipelines.landing.shared_costs import Tables
from pipelines.settings import is_period

THRESHOLDS = pa.schema(
    {
        "budget_id": pa.string(),
        "period": pa.string(),
        "version": pa.int32(),
        "threshold_percent": pa.decimal128(18, 6),
    }
)


def budget_thresholds(tables: Tables) -> list[Row]:
    """One row per threshold of each budget, in percent of its amount."""
    names = ("budget_id", "period", "version")
    return [
        {name: row[name] for name in names} | {"threshold_percent": Decimal(limit).quantize(Decimal("0.000001"))}
        for row in tables["budgets"]
        for limit in row["thresholds"].split(";")
    ]


def check_outlook(tables: Tables, problems: list[str]) -> None:
    """Adds a sentence with file, line and column for each mistake; gives budgets their first and last day."""
    for name in ("budgets", "planned_events"):
        for row in tables[name]:
            _check_scope(tables, row, f"{name}.csv line {row['_line']}, column scope_value", problems)
    for row in tables["budgets"]:
        _check_budget(row, f"budgets.csv line {row['_line']}", problems)
    _check_versions(tables["budgets"], problems)
    for row in tables["planned_events"]:
        where = f"planned_events.csv line {row['_line']}"
        if row["ends_on"] < row["starts_on"]:
            problems.append(f"{where}, column ends_on: is before starts_on")
        elif row["ends_on"] == row["starts_on"]:
            row["ends_on"] += timedelta(1)  # an event of no day means the day that it names
        if row["monthly_amount"] is not None and not row["currency"]:
            problems.append(f"{where}, column currency: an amount needs its currency")


def _check_scope(tables: Tables, row: Row, where: str, problems: list[str]) -> None:
    if row["scope"] == "provider" and row["scope_value"]:
        row["scope_value"] = row["scope_value"].lower()  # as costs name it
    column = {"cost_center": "cost_center_id", "department": "department", "business_unit": "business_unit"}
    if row["scope"] == "total" and row["scope_value"]:
        problems.append(f"{where}: a total has no value; leave it empty")
    elif row["scope"] != "total" and not row["scope_value"]:
        problems.append(f"{where}: is empty; name the {row['scope']}")
    elif row["scope"] in column:
        known = {center[column[row["scope"]]] for center in tables["cost_centers"]}
        if row["scope_value"] not in known:
            problems.append(f"{where}: '{row['scope_value']}' is no {row['scope']} of cost_centers.csv")


def _check_budget(row: Row, where: str, problems: list[str]) -> None:
    row["starts_on"], row["ends_on"] = date.min, date.min
    days = period_days(row["period"])
    if days is None:
        problems.append(f"{where}, column period: '{row['period']}' is not a month, quarter, year or up to twelve "
                        "months like 2026-10, 2026-Q4, 2026, 2026-04..2027-03")  # fmt: skip
    else:
        row["starts_on"], row["ends_on"] = days
    if row["amount"] < 0:
        problems.append(f"{where}, column amount: is negative")
    if not re.fullmatch(r"[A-Z]{3}", row["currency"]):
        problems.append(f"{where}, column currency: '{row['currency']}' is not a code like USD")
    try:
        limits = [Decimal(part) for part in row["thresholds"].split(";")]
    except InvalidOperation:
        limits = []
    if not limits or min(limits) <= 0 or sorted(set(limits)) != limits:
        problems.append(
            f"{where}, column thresholds: '{row['thresholds']}' is not rising percentages like 50;75;90;110"
        )


def _check_versions(rows: list[Row], problems: list[str]) -> None:
    """A version replaces the one before it, so it may not apply earlier; and it applies at some time of its period."""
    budgets: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        budgets.setdefault((row["budget_id"], row["period"]), []).append(row)
        if row["applies_from"] and row["applies_from"] >= row["ends_on"]:
            where = f"budgets.csv line {row['_line']}, column applies_from"
            problems.append(f"{where}: is not before the end of the period, so the version would never apply")
    for versions in budgets.values():
        versions.sort(key=lambda row: row["version"])
        for earlier, later in zip(versions, versions[1:], strict=False):
            begins, before = later["applies_from"] or later["starts_on"], earlier["applies_from"]
            if before and begins < before:
                problems.append(
                    f"budgets.csv line {later['_line']}, column applies_from: version {later['version']} would apply "
                    f"from {begins}, before version {earlier['version']} (line {earlier['_line']}, {before})"
                )


def period_days(period: str) -> tuple[date, date] | None:
    """The first day of a month, quarter, year or up to twelve months in a row, and the first day after it."""
    quarter = re.fullmatch(r"(\d{4})-Q([1-4])", period)
    first, _, last = period.partition("..")
    if is_period(period):
        year, month, months = int(period[:4]), int(period[5:]), 1
    elif is_period(first) and is_period(last):
        year, month = int(first[:4]), int(first[5:])
        months = (int(last[:4]) - year) * 12 + int(last[5:]) - month + 1
    elif quarter:
        year, month, months = int(quarter[1]), int(quarter[2]) * 3 - 2, 3
    elif re.fullmatch(r"\d{4}", period):
        year, month, months = int(period), 1, 12
    else:
        return None
    if not 1 <= months <= 12 or not date.min.year <= year < date.max.year:
        return None
    after = year * 12 + month - 1 + months
    return date(year, month, 1), date(after // 12, after % 12 + 1, 1)
