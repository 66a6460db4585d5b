"""Decisions: the CSV files that people keep, validated as a whole and landed typed.

A file that is absent counts as empty; a file with a mistake stops the run with file, row and column, and nothing of
any file is applied. `valid_to` is exclusive; an empty one means: still valid.
"""

from __future__ import annotations

import csv
import hashlib
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import DecisionError
from pipelines.settings import Workspace, is_period

Row = dict[str, Any]
_OPEN_END = date(9999, 12, 31)
_MATCH_TYPES = ("tag", "account", "resource", "resource_group", "service")
_POOL_MATCH_TYPES = ("charge_category", "commitment_status", "service", "account", "tag", "any")
METHODS = ("proportional_usage", "equal_split", "headcount_based", "revenue_based")
_BUILT_IN_DRIVER = "direct_cost"


@dataclass(frozen=True)
class _Field:
    type: pa.DataType
    required: bool = True
    choices: tuple[str, ...] = ()
    empty: Any = None  # what an empty optional cell means


_TEXT, _OPTIONAL = _Field(pa.string()), _Field(pa.string(), required=False)
_FROM = _Field(pa.date32(), required=False, empty=date(1900, 1, 1))
_TO = _Field(pa.date32(), required=False, empty=_OPEN_END)

FILES: dict[str, dict[str, _Field]] = {
    "cost_centers": {
        "cost_center_id": _TEXT,
        "name": _TEXT,
        "team": _OPTIONAL,
        "department": _OPTIONAL,
        "business_unit": _OPTIONAL,
        "owner": _OPTIONAL,
        "owner_email": _OPTIONAL,
        "gl_account": _OPTIONAL,
        "headcount": _Field(pa.decimal128(18, 4), required=False, empty=Decimal(0)),
        "revenue": _Field(pa.decimal128(24, 4), required=False, empty=Decimal(0)),
        "valid_from": _FROM,
        "valid_to": _TO,
    },
    "allocation_rules": {
        "rule_id": _TEXT,
        "priority": _Field(pa.int32()),
        "match_type": _Field(pa.string(), choices=_MATCH_TYPES),
        "match_key": _OPTIONAL,
        "match_value": _TEXT,
        "cost_center_id": _TEXT,
        "share_percent": _Field(pa.decimal128(9, 6), required=False, empty=Decimal(100)),
        "valid_from": _FROM,
        "valid_to": _TO,
        "note": _OPTIONAL,
    },
    "shared_cost_rules": {
        "pool_id": _TEXT,
        "priority": _Field(pa.int32()),
        "match_type": _Field(pa.string(), choices=_POOL_MATCH_TYPES),
        "match_key": _OPTIONAL,
        "match_value": _OPTIONAL,
        "method": _Field(pa.string(), choices=METHODS),
        "driver": _OPTIONAL,
        "fallback": _OPTIONAL,
        "targets": _OPTIONAL,
        "valid_from": _FROM,
        "valid_to": _TO,
        "note": _OPTIONAL,
    },
    "drivers": {
        "date": _Field(pa.date32()),
        "driver": _TEXT,
        "cost_center_id": _TEXT,
        "unit": _OPTIONAL,
        "quantity": _Field(pa.decimal128(28, 4)),
    },
    "tag_aliases": {
        "kind": _Field(pa.string(), choices=("key", "value")),
        "tag_key": _OPTIONAL,
        "alias": _TEXT,
        "canonical": _TEXT,
    },
    "fx_rates": {
        "month": _TEXT,
        "from_currency": _TEXT,
        "to_currency": _TEXT,
        "rate": _Field(pa.decimal128(18, 10)),
        "rate_type": _OPTIONAL,
        "source": _OPTIONAL,
    },
}


def land_decisions(workspace: Workspace) -> dict[str, int]:
    """Validate and land every decision file; return its rows per file. Raises DecisionError with all problems."""
    problems: list[str] = []
    tables = {name: _read(workspace.decisions / f"{name}.csv", name, problems) for name in FILES}
    if not problems:
        for check in (_check_cost_centers, _check_allocation_rules, _check_pools, _check_drivers, _check_rates):
            check(tables, problems)
    if problems:
        raise DecisionError(problems)
    folder = workspace.landing / "decisions"
    for name, rows in tables.items():
        _write(folder / f"{name}.parquet", rows, _landed_schema(name))
    steps, targets = _pool_steps(tables["shared_cost_rules"])
    step_schema = pa.schema(
        {"pool_id": pa.string(), "step_number": pa.int32(), "method": pa.string(), "driver": pa.string()}
    )
    _write(folder / "pool_steps.parquet", steps, step_schema)
    _write(folder / "pool_targets.parquet", targets, pa.schema({"pool_id": pa.string(), "cost_center_id": pa.string()}))
    hashes = [{"decision": name, "decision_hash": _hash(rows), "row_count": len(rows)} for name, rows in tables.items()]
    schema = pa.schema({"decision": pa.string(), "decision_hash": pa.string(), "row_count": pa.int64()})
    _write(workspace.landing / "register" / "decision_files.parquet", hashes, schema)
    return {name: len(rows) for name, rows in tables.items()}


def _landed_schema(name: str) -> pa.Schema:
    fields = {column: field.type for column, field in FILES[name].items()}
    if name in ("allocation_rules", "shared_cost_rules"):
        fields |= {"rule_row": pa.int32(), "rule_version": pa.string()}
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


def _typed(raw: dict[str | None, Any], fields: dict[str, _Field], where: str, problems: list[str]) -> Row:
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
            problems.append(f"{where}, column {column}: '{text}' is not {_wanted(field.type)}")
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


def _wanted(kind: pa.DataType) -> str:
    if pa.types.is_date(kind):
        return "a date like 2026-10-31"
    return "a whole number" if pa.types.is_integer(kind) else "a number"


def _write(path: Path, rows: list[Row], schema: pa.Schema) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {field.name: [row.get(field.name) for row in rows] for field in schema}
    temporary = path.with_name(f".{path.name}")
    pq.write_table(pa.table(columns, schema=schema), temporary)
    temporary.replace(path)


def _hash(rows: list[Row]) -> str:
    text = "\n".join(repr({key: value for key, value in row.items() if key != "_line"}) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- checks across rows and files; each adds sentences with file, line and column ---


def _check_cost_centers(tables: dict[str, list[Row]], problems: list[str]) -> None:
    for row in tables["cost_centers"]:
        if row["cost_center_id"].startswith("~"):
            problems.append(f"cost_centers.csv line {row['_line']}, column cost_center_id: ids may not start with ~")
        _check_dates(row, "cost_centers.csv", problems)
    _check_overlaps(tables["cost_centers"], lambda r: r["cost_center_id"], "cost_centers.csv", problems)


def _check_dates(row: Row, file: str, problems: list[str]) -> None:
    if row["valid_from"] >= row["valid_to"]:
        problems.append(f"{file} line {row['_line']}, column valid_to: is not after valid_from")


def _check_overlaps(rows: list[Row], key: Callable[[Row], Any], file: str, problems: list[str]) -> None:
    by_key: dict[Any, list[Row]] = {}
    for row in rows:
        by_key.setdefault(key(row), []).append(row)
    for group in by_key.values():
        group.sort(key=lambda r: r["valid_from"])
        for earlier, later in zip(group, group[1:], strict=False):
            if later["valid_from"] < earlier["valid_to"]:
                problems.append(
                    f"{file} line {later['_line']}: is valid at the same time as line {earlier['_line']}, "
                    "which decides the same"
                )


def _check_known(tables: dict[str, list[Row]], ids: list[str], row: Row, where: str, problems: list[str]) -> None:
    """Each id must be a cost centre over the row's whole validity (a rule may not outlive its cost centre)."""
    for cost_center in ids:
        spans = sorted(
            (c["valid_from"], c["valid_to"]) for c in tables["cost_centers"] if c["cost_center_id"] == cost_center
        )
        if not spans:
            problems.append(f"{where}: cost centre '{cost_center}' is not in cost_centers.csv")
        elif row.get("valid_from") and not any(
            start < row["valid_to"] and end > row["valid_from"] for start, end in spans
        ):
            problems.append(f"{where}: cost centre '{cost_center}' does not exist at any time the rule is valid")


def _check_allocation_rules(tables: dict[str, list[Row]], problems: list[str]) -> None:
    rules = tables["allocation_rules"]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for number, row in enumerate(rules):
        where = f"allocation_rules.csv line {row['_line']}"
        row["rule_row"] = number
        _check_dates(row, "allocation_rules.csv", problems)
        _check_known(tables, [row["cost_center_id"]], row, f"{where}, column cost_center_id", problems)
        if row["match_type"] == "tag" and not row["match_key"]:
            problems.append(f"{where}, column match_key: a tag rule needs the tag's key")
        if not 0 < row["share_percent"] <= 100:
            problems.append(f"{where}, column share_percent: must be above 0 and at most 100")
        identity = (row["rule_id"], row["priority"], row["match_type"], row["match_key"], row["match_value"].lower())
        groups.setdefault((*identity, row["valid_from"], row["valid_to"]), []).append(row)
    for group in groups.values():
        total = sum(row["share_percent"] for row in group)
        if total != 100:
            problems.append(
                f"allocation_rules.csv line {group[0]['_line']}, column share_percent: "
                f"the shares of rule {group[0]['rule_id']} sum to {total.normalize():f}, not 100"
            )
        text = repr([sorted((k, v) for k, v in row.items() if k not in ("_line", "rule_row", "note")) for row in group])
        version = hashlib.sha256(text.encode()).hexdigest()[:12]
        for row in group:
            row["rule_version"] = version
    _check_overlaps(
        [group[0] for group in groups.values()],
        lambda r: (r["priority"], r["match_type"], _plain(r["match_key"]), r["match_value"].lower()),
        "allocation_rules.csv",
        problems,
    )


def _plain(text: str | None) -> str:
    return "".join(character for character in (text or "").lower() if character.isalnum())


def _check_pools(tables: dict[str, list[Row]], problems: list[str]) -> None:
    drivers = {row["driver"] for row in tables["drivers"]} | {_BUILT_IN_DRIVER}
    methods: dict[str, tuple[Any, ...]] = {}
    for number, row in enumerate(tables["shared_cost_rules"]):
        where = f"shared_cost_rules.csv line {row['_line']}"
        row["rule_row"] = number
        text = repr(sorted((k, v) for k, v in row.items() if k not in ("_line", "rule_row", "note")))
        row["rule_version"] = hashlib.sha256(text.encode()).hexdigest()[:12]
        _check_dates(row, "shared_cost_rules.csv", problems)
        if row["match_type"] != "any" and not row["match_value"]:
            problems.append(f"{where}, column match_value: is empty")
        if row["match_type"] == "tag" and not row["match_key"]:
            problems.append(f"{where}, column match_key: a tag rule needs the tag's key")
        if row["method"] == "proportional_usage" and row["driver"] not in drivers:
            problems.append(
                f"{where}, column driver: '{row['driver'] or ''}' is neither {_BUILT_IN_DRIVER} nor in drivers.csv"
            )
        for step in _chain(row["fallback"]):
            if step not in (*METHODS, *drivers, "unallocated"):
                problems.append(f"{where}, column fallback: '{step}' is neither a method, a driver nor unallocated")
        _check_known(tables, _targets(row), row, f"{where}, column targets", problems)
        same = (row["method"], row["driver"], row["fallback"], row["targets"])
        if methods.setdefault(row["pool_id"], same) != same:
            problems.append(f"{where}: pool {row['pool_id']} is shared in another way on an earlier line")


def _chain(fallback: str | None) -> list[str]:
    return [step.strip() for step in (fallback or "").split(">") if step.strip()]


def _targets(row: Row) -> list[str]:
    return [target.strip() for target in (row["targets"] or "").split(";") if target.strip()]


def _pool_steps(pools: list[Row]) -> tuple[list[Row], list[Row]]:
    """Each pool's method and then its fallbacks, numbered; and the cost centres it is limited to."""
    steps, targets = [], []
    for row in {row["pool_id"]: row for row in pools}.values():
        chain = [(row["method"], row["driver"] if row["method"] == "proportional_usage" else None)]
        for step in _chain(row["fallback"]):
            if step == "unallocated":
                break
            is_method = step in METHODS and step != "proportional_usage"
            chain.append((step, None) if is_method else ("proportional_usage", step))
        for number, (method, driver) in enumerate(chain, start=1):
            steps.append({"pool_id": row["pool_id"], "step_number": number, "method": method, "driver": driver})
        targets += [{"pool_id": row["pool_id"], "cost_center_id": target} for target in _targets(row)]
    return steps, targets


def _check_drivers(tables: dict[str, list[Row]], problems: list[str]) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    known = {row["cost_center_id"] for row in tables["cost_centers"]}
    for row in tables["drivers"]:
        where = f"drivers.csv line {row['_line']}"
        if row["cost_center_id"] not in known:
            problems.append(f"{where}, column cost_center_id: '{row['cost_center_id']}' is not in cost_centers.csv")
        if row["quantity"] < 0:
            problems.append(f"{where}, column quantity: is negative")
        key = (row["date"], row["driver"], row["cost_center_id"])
        if key in seen:
            problems.append(f"{where}: repeats line {seen[key]} (same date, driver and cost centre)")
        seen.setdefault(key, row["_line"])


def _check_rates(tables: dict[str, list[Row]], problems: list[str]) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for row in tables["fx_rates"]:
        where = f"fx_rates.csv line {row['_line']}"
        if not is_period(row["month"]):
            problems.append(f"{where}, column month: '{row['month']}' is not a month like 2026-10")
        if row["rate"] <= 0:
            problems.append(f"{where}, column rate: must be above 0")
        key = (row["month"], row["from_currency"], row["to_currency"])
        if key in seen:
            problems.append(f"{where}: repeats line {seen[key]} (same month and currencies)")
        seen.setdefault(key, row["_line"])
