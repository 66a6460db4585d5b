"""Decisions: the CSV files that people keep, validated as a whole and landed typed.

A file that is absent counts as empty; a file with a mistake stops the run with file, row and column, and nothing of
any file is applied. `valid_to` is exclusive; an empty one means: still valid.
"""

from __future__ import annotations

import csv
import hashlib
import unicodedata
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import DecisionError
from pipelines.landing.commitment_scopes import MEMBERS, scope_members
from pipelines.landing.decision_bounds import RULE_GAPS, rule_gaps
from pipelines.landing.decision_checks import check_decisions
from pipelines.landing.decision_files import FILES, METHODS, NOT_ALLOCATION, Field, Row
from pipelines.landing.outlook_checks import THRESHOLDS, budget_thresholds
from pipelines.landing.shared_costs import POOLS, STEPS, TARGETS, name_pools, pool_steps, pool_targets, pools
from pipelines.settings import Workspace

__all__ = ["FILES", "METHODS", "land_decisions", "read_decisions"]


def read_decisions(workspace: Workspace) -> dict[str, list[Row]]:
    """Every decision file, typed and checked as a whole. Raises DecisionError with all problems."""
    problems: list[str] = []
    tables = {name: _read(workspace.decisions / f"{name}.csv", name, problems) for name in FILES}
    if not problems:
        name_pools(tables)
        check_decisions(tables, problems)
        reporting = workspace.settings.workspace.reporting_currency
        problems += [
            f"budgets.csv line {row['_line']}, column currency: budgets are kept in the reporting currency, {reporting}"
            for row in tables["budgets"]
            if row["currency"] != reporting
        ]
    if problems:
        raise DecisionError(problems)
    return tables


def land_decisions(workspace: Workspace) -> dict[str, int]:
    """Validate and land every decision file; return its rows per file. Raises DecisionError with all problems."""
    tables = read_decisions(workspace)
    folder = workspace.landing / "decisions"
    for name, rows in tables.items():
        _write(folder / f"{name}.parquet", rows, _landed_schema(name))
    _write(folder / "budget_thresholds.parquet", budget_thresholds(tables), THRESHOLDS)
    _write(folder / "rule_gaps.parquet", rule_gaps(tables), RULE_GAPS)
    _write(folder / "pools.parquet", pools(tables), POOLS)
    _write(folder / "pool_steps.parquet", pool_steps(tables), STEPS)
    _write(folder / "pool_targets.parquet", pool_targets(tables), TARGETS)
    _write(folder / "commitment_scope_members.parquet", scope_members(tables), MEMBERS)
    hashes = [
        {
            "decision": name,
            "decision_hash": _hash(rows),
            "row_count": len(rows),
            "decides_allocation": name not in NOT_ALLOCATION,
        }
        for name, rows in tables.items()
    ]
    schema = pa.schema(
        {
            "decision": pa.string(),
            "decision_hash": pa.string(),
            "row_count": pa.int64(),
            "decides_allocation": pa.bool_(),
        }
    )
    _write(workspace.landing / "register" / "decision_files.parquet", hashes, schema)
    return {name: len(rows) for name, rows in tables.items()}


def _landed_schema(name: str) -> pa.Schema:
    fields = {column: field.type for column, field in FILES[name].items()}
    if name == "allocation_rules":
        fields |= {"rule_version": pa.string(), "claims_from": pa.date32(), "claims_to": pa.date32()}
    if name == "budgets":
        fields |= {"starts_on": pa.date32(), "ends_on": pa.date32()}
    if name in ("allocation_rules", "shared_cost_rules"):
        fields |= {"rule_row": pa.int32()}
    return pa.schema(fields)


def _read(path: Path, name: str, problems: list[str]) -> list[Row]:
    if not path.is_file():
        return []
    fields = FILES[name]
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(_without_comments(lines))
            header = [column.strip() for column in reader.fieldnames or []]
            missing = [column for column, field in fields.items() if field.required and column not in header]
            unknown = [column for column in header if column and column not in fields]
            problems += [f"{path.name}: column '{column}' is missing" for column in missing]
            problems += [f"{path.name}: column '{column}' is unknown; known: {', '.join(fields)}" for column in unknown]
            if missing or unknown:
                return []
            reader.fieldnames = header
            rows = [(reader.line_num, raw) for raw in reader]
    except (UnicodeDecodeError, csv.Error) as problem:
        problems.append(f"{path.name}: is not a readable CSV file ({problem})")
        return []
    return [_typed(raw, fields, f"{path.name} line {line}", problems) | {"_line": line} for line, raw in rows]


def _without_comments(lines: Iterable[str]) -> Iterable[str]:
    return ("\n" if line.lstrip().startswith("#") else line for line in lines)


def _typed(raw: dict[str | None, Any], fields: dict[str, Field], where: str, problems: list[str]) -> Row:
    row: Row = {}
    if None in raw:
        problems.append(f"{where}: has more cells than the header")
    for column, field in fields.items():
        text = unicodedata.normalize("NFKC", (raw.get(column) or "")).strip()
        row[column] = field.empty
        if not text:
            if field.required:
                problems.append(f"{where}, column {column}: is empty")
            continue
        try:
            row[column] = _value(text, field.type)
            pa.scalar(row[column], field.type)  # refuses what does not fit the column
        except (ValueError, InvalidOperation, OverflowError):
            problems.append(f"{where}, column {column}: '{text}' is not {_wanted(text, field.type)}")
            continue
        if field.choices and text not in field.choices:
            problems.append(f"{where}, column {column}: '{text}' is not one of {', '.join(field.choices)}")
    return row


def _value(text: str, kind: pa.DataType) -> Any:
    if pa.types.is_date(kind):
        return date.fromisoformat(text)
    if pa.types.is_integer(kind):
        return int(text)
    if pa.types.is_decimal(kind):
        value = Decimal(text)
        if not value.is_finite():
            raise ValueError(text)
        return value.quantize(Decimal(1).scaleb(-kind.scale))
    return text


def _wanted(text: str, kind: pa.DataType) -> str:
    if pa.types.is_date(kind):
        return "a date like 2026-10-31"
    if pa.types.is_decimal(kind) and _is_number(text):
        return f"a number of at most {kind.precision - kind.scale} digits before the point; use a larger unit"
    return "a whole number" if pa.types.is_integer(kind) else "a number"


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _write(path: Path, rows: list[Row], schema: pa.Schema) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {field.name: [row.get(field.name) for row in rows] for field in schema}
    temporary = path.with_name(f".{path.name}")
    pq.write_table(pa.table(columns, schema=schema), temporary)
    temporary.replace(path)


def _hash(rows: list[Row]) -> str:
    text = "\n".join(repr({key: value for key, value in row.items() if not key.startswith("_")}) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
