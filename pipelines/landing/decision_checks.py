"""Checks of decisions across rows and files. Each adds sentences with file, line and column to `problems`."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb

from pipelines.landing.commitment_checks import check_commitment_decisions
from pipelines.landing.commitment_scopes import check_scopes
from pipelines.landing.decision_bounds import check_weights
from pipelines.landing.decision_files import JOURNAL_FIELDS, OPEN_END, OPEN_START, POLICIES, RATE_TYPES, Row
from pipelines.landing.outlook_checks import check_outlook
from pipelines.landing.shared_costs import Tables, check_pools, not_served, targets_of
from pipelines.settings import is_period

Problems = list[str]
# Rules ship with the product as seeds; decisions change their thresholds.
_SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
_RULES, _THRESHOLDS = _SEEDS / "optimization_rules.csv", _SEEDS / "rule_threshold_defaults.csv"


def check_decisions(tables: Tables, problems: Problems) -> None:
    """Everything that one cell alone does not show."""
    for name, rows in tables.items():
        for row in rows:
            if "valid_from" in row and row["valid_from"] >= row["valid_to"]:
                problems.append(f"{name}.csv line {row['_line']}, column valid_to: is not after valid_from")
    _check_cost_centers(tables, problems)
    _check_allocation_rules(tables, problems)
    check_pools(tables, problems)
    for row in tables["shared_cost_rules"]:
        where = f"shared_cost_rules.csv line {row['_line']}, column targets"
        known = {other["pool_id"] for other in tables["shared_cost_rules"]} - {row["pool_id"]}
        refused = {target: not_served(tables, target) for target in targets_of(row) if target not in known}
        problems += [f"{where}: {why}" for why in refused.values() if why]
        _check_known(tables, [target for target, why in refused.items() if not why], row, where, problems)
    _check_drivers(tables, problems)
    check_weights(tables, problems)
    _check_policies(tables, problems)
    _check_rates(tables, problems)
    _check_tolerances(tables, problems)
    _check_books(tables, problems)
    _check_thresholds(tables, problems)
    check_scopes(tables, problems)
    check_commitment_decisions(tables, problems)
    check_outlook(tables, problems)
    _check_unique(tables, "budgets", ("budget_id", "version", "period"), problems)
    _check_unique(tables, "planned_events", ("event_id",), problems)
    _check_unique(tables, "anomaly_labels", ("anomaly_id",), problems)


def _check_cost_centers(tables: Tables, problems: Problems) -> None:
    for row in tables["cost_centers"]:
        if row["cost_center_id"].startswith("~"):
            problems.append(f"cost_centers.csv line {row['_line']}, column cost_center_id: ids may not start with ~")
        if row["headcount"] < 0:
            problems.append(f"cost_centers.csv line {row['_line']}, column headcount: is negative")
    _check_overlaps(tables["cost_centers"], lambda r: r["cost_center_id"], "cost_centers.csv", problems)


def _check_overlaps(rows: list[Row], key: Callable[[Row], Any], file: str, problems: Problems) -> None:
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


def _spans(tables: Tables, cost_center: str) -> list[tuple[Any, Any]]:
    return sorted(
        (c["valid_from"], c["valid_to"]) for c in tables["cost_centers"] if c["cost_center_id"] == cost_center
    )


def _check_known(tables: Tables, ids: list[str], row: Row, where: str, problems: Problems) -> None:
    """Each id must be a cost centre on every date that the row itself names.

    An open end is no date: such a row ends with its cost centre.
    """
    for cost_center in ids:
        spans = _spans(tables, cost_center)
        if not spans:
            problems.append(f"{where}: cost centre '{cost_center}' is not in cost_centers.csv")
        elif row.get("valid_from") and not any(s < row["valid_to"] and e > row["valid_from"] for s, e in spans):
            problems.append(f"{where}: cost centre '{cost_center}' does not exist at any time the rule is valid")
        elif row.get("valid_from", OPEN_START) > OPEN_START and row["valid_from"] < spans[0][0]:
            problems.append(
                f"{where}: cost centre '{cost_center}' begins on {spans[0][0]}, after the rule's {row['valid_from']}"
            )
        elif row.get("valid_to", OPEN_END) < OPEN_END and row["valid_to"] > spans[-1][1]:
            problems.append(
                f"{where}: cost centre '{cost_center}' ends on {spans[-1][1]}, before the rule's {row['valid_to']}"
            )


def _check_allocation_rules(tables: Tables, problems: Problems) -> None:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for number, row in enumerate(tables["allocation_rules"]):
        where = f"allocation_rules.csv line {row['_line']}"
        row["rule_row"] = number
        _check_known(tables, [row["cost_center_id"]], row, f"{where}, column cost_center_id", problems)
        if row["match_type"] == "tag" and not row["match_key"]:
            problems.append(f"{where}, column match_key: a tag rule needs the tag's key")
        if row["match_type"] == "name_pattern" and (mistake := _pattern_mistake(row["match_value"])):
            problems.append(f"{where}, column match_value: is no regular expression ({mistake})")
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
        # A rule claims nothing on days on which one of its cost centres does not exist (rule_gaps).
        spans = [_spans(tables, row["cost_center_id"]) for row in group]
        for row in group:
            row["rule_version"] = version
            row["claims_from"] = max([row["valid_from"], *(s[0][0] for s in spans if s)])
            row["claims_to"] = min([row["valid_to"], *(s[-1][1] for s in spans if s)])
    rules = [group[0] for group in groups.values()]
    _check_overlaps(
        rules, lambda r: (r["priority"], r["match_type"], _plain(r["match_key"]), r["match_value"].lower()),
        "allocation_rules.csv", problems,
    )  # fmt: skip
    _check_equal_rank(rules, problems)


def _check_equal_rank(rules: list[Row], problems: Problems) -> None:
    """Two rules of one priority that can match the same charge: which one wins would be chance."""
    by_rank: dict[tuple[int, str], list[Row]] = {}
    for row in rules:
        by_rank.setdefault((row["priority"], row["match_type"]), []).append(row)
    for (priority, match_type), rows in by_rank.items():
        wide = [r for r in rows if match_type == "name_pattern" or r["match_value"].endswith("*")]
        keys = {_plain(r["match_key"]) for r in rows}
        suspects = rows if match_type == "tag" and len(keys) > 1 else wide
        lines = {row["_line"] for row in suspects}
        for row in suspects:
            for other in rows:
                is_seen = other["_line"] in lines and other["_line"] >= row["_line"]
                if not is_seen and _may_meet(row, other):
                    later, earlier = sorted((row, other), key=lambda r: -r["_line"])
                    problems.append(
                        f"allocation_rules.csv line {later['_line']}, column priority: {priority} is also that of line "
                        f"{earlier['_line']}, and one charge can match both; give one of them another priority"
                    )
                    break


def _may_meet(one: Row, other: Row) -> bool:
    if one["_line"] == other["_line"] or not (
        one["valid_from"] < other["valid_to"] and other["valid_from"] < one["valid_to"]
    ):
        return False
    if one["match_type"] == "name_pattern" or _plain(one["match_key"]) != _plain(other["match_key"]):
        return True
    left, right = one["match_value"].lower(), other["match_value"].lower()
    if left == right:
        return False  # named by the check of repeated rules
    prefix, text = (left, right) if left.endswith("*") else (right, left)
    is_inside = text.rstrip("*").startswith(prefix[:-1])
    return bool(is_inside or (text.endswith("*") and prefix[:-1].startswith(text[:-1])))


def _pattern_mistake(pattern: str) -> str | None:
    try:
        duckdb.execute("select regexp_matches('', ?)", [pattern])
    except duckdb.Error as problem:
        return str(problem).splitlines()[0].removeprefix("Invalid Input Error: ")
    return None


def _plain(text: str | None) -> str:
    return "".join(character for character in (text or "").lower() if character.isalnum())


def _check_drivers(tables: Tables, problems: Problems) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    pools = {row["pool_id"] for row in tables["shared_cost_rules"]}
    spans: dict[str, list[tuple[Any, Any]]] = {}
    for row in tables["cost_centers"]:
        spans.setdefault(row["cost_center_id"], []).append((row["valid_from"], row["valid_to"]))
    for row in tables["drivers"]:
        where = f"drivers.csv line {row['_line']}"
        unit = row["cost_center_id"]
        if unit not in spans and unit not in pools:
            why = not_served(tables, unit) or f"'{unit}' is not in cost_centers.csv"
            problems.append(f"{where}, column cost_center_id: {why}")
        elif unit in spans and not any(_in_month(row["date"], start, end) for start, end in spans[unit]):
            problems.append(f"{where}, column cost_center_id: '{unit}' does not exist in {row['date']:%Y-%m}")
        if row["quantity"] < 0:
            problems.append(f"{where}, column quantity: is negative")
        key = (row["date"], row["driver"], unit)
        if key in seen:
            problems.append(f"{where}: repeats line {seen[key]} (same date, driver and cost centre)")
        seen.setdefault(key, row["_line"])
    measured = {row["driver"] for row in tables["drivers"]}
    for row in tables["driver_tiers"]:
        where = f"driver_tiers.csv line {row['_line']}"
        if row["driver"] not in measured:
            problems.append(f"{where}, column driver: '{row['driver']}' is not in drivers.csv")
        if row["cost_center_id"] and row["cost_center_id"] not in spans:
            problems.append(f"{where}, column cost_center_id: '{row['cost_center_id']}' is not in cost_centers.csv")
        if row["weight"] < 0 or row["from_quantity"] < 0:
            problems.append(f"{where}: weight and from_quantity may not be negative")
    _check_unique(tables, "driver_tiers", ("driver", "cost_center_id", "from_quantity"), problems)


def _in_month(day: Any, start: Any, end: Any) -> bool:
    """Monthly drivers carry the first of the month, whichever day the cost centre begins on."""
    return bool((start.year, start.month) <= (day.year, day.month) and end > day.replace(day=1))


def _check_unique(tables: Tables, name: str, columns: tuple[str, ...], problems: Problems) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for row in tables[name]:
        key = tuple(row[column] for column in columns)
        if key in seen:
            problems.append(f"{name}.csv line {row['_line']}: repeats line {seen[key]} (same {', '.join(columns)})")
        seen.setdefault(key, row["_line"])


def _check_policies(tables: Tables, problems: Problems) -> None:
    known = {row["cost_center_id"] for row in tables["cost_centers"]}
    for name, needs in (("charge_treatments", ("treatment", "central")), ("allocation_policies", ("value", "central"))):
        for row in tables[name]:
            where = f"{name}.csv line {row['_line']}, column cost_center_id"
            if row[needs[0]] == needs[1] and not row["cost_center_id"]:
                problems.append(f"{where}: 'central' needs the cost centre that carries it")
            if row["cost_center_id"] and row["cost_center_id"] not in known:
                problems.append(f"{where}: '{row['cost_center_id']}' is not in cost_centers.csv")
    _check_unique(tables, "charge_treatments", ("charge_kind",), problems)
    _check_unique(tables, "allocation_policies", ("policy",), problems)
    for row in tables["allocation_policies"]:
        where = f"allocation_policies.csv line {row['_line']}, column value"
        choices = POLICIES[row["policy"]]
        if choices and row["value"] not in choices:
            problems.append(f"{where}: '{row['value']}' is not one of {', '.join(choices)}")
        order = row["value"].split(">")
        if row["policy"] == "fx_rate_order" and (len(set(order)) < len(order) or set(order) - set(RATE_TYPES)):
            problems.append(f"{where}: '{row['value']}' is not an order of {', '.join(RATE_TYPES)} written with >")
        if row["policy"] == "accuracy_target" and not _is_ratio(row["value"]):
            problems.append(f"{where}: '{row['value']}' is not a number from 0 to 1")
    for row in tables["commitment_owners"]:
        where = f"commitment_owners.csv line {row['_line']}, column cost_center_id"
        _check_known(tables, [row["cost_center_id"]], row, where, problems)
    _check_overlaps(tables["commitment_owners"], lambda r: r["commitment_id"], "commitment_owners.csv", problems)
    _check_unique(tables, "resource_parents", ("resource_id",), problems)
    parents = {row["resource_id"]: row["parent_resource_id"] for row in tables["resource_parents"]}
    for row in tables["resource_parents"]:
        seen, above = {row["resource_id"]}, parents.get(row["resource_id"])
        while above is not None and above not in seen:
            seen.add(above)
            above = parents.get(above)
        if above == row["resource_id"]:
            where = f"resource_parents.csv line {row['_line']}, column parent_resource_id"
            problems.append(f"{where}: '{row['resource_id']}' would be its own parent")


def _is_ratio(text: str) -> bool:
    try:
        return 0 <= Decimal(text) <= 1
    except InvalidOperation:
        return False


def _check_rates(tables: Tables, problems: Problems) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for row in tables["fx_rates"]:
        where = f"fx_rates.csv line {row['_line']}"
        if not is_period(row["month"]):
            problems.append(f"{where}, column month: '{row['month']}' is not a month like 2026-10")
        if row["rate"] <= 0:
            problems.append(f"{where}, column rate: must be above 0")
        key = (row["month"], row["from_currency"], row["to_currency"], row["rate_type"])
        if key in seen:
            problems.append(f"{where}: repeats line {seen[key]} (same month, currencies and rate_type)")
        seen.setdefault(key, row["_line"])


def _check_tolerances(tables: Tables, problems: Problems) -> None:
    _check_unique(tables, "invoice_tolerances", ("bill", "invoice_id", "currency"), problems)
    for row in tables["invoice_tolerances"]:
        if row["tolerance"] < 0:
            problems.append(f"invoice_tolerances.csv line {row['_line']}, column tolerance: is negative")


def _check_books(tables: Tables, problems: Problems) -> None:
    _check_unique(tables, "gl_accounts", ("use",), problems)
    _check_unique(tables, "journal_columns", ("column",), problems)
    for row in tables["journal_columns"]:
        if row["field"] not in JOURNAL_FIELDS and not row["field"].startswith("="):
            problems.append(
                f"journal_columns.csv line {row['_line']}, column field: '{row['field']}' is not one of "
                f"{', '.join(JOURNAL_FIELDS)}, nor a fixed text written like =CLOUD"
            )
    for row in tables["close_approvals"]:
        if not is_period(row["billing_period"]):
            problems.append(
                f"close_approvals.csv line {row['_line']}, column billing_period: '{row['billing_period']}' is not a "
                "month like 2026-10"
            )


def _check_thresholds(tables: Tables, problems: Problems) -> None:
    """A misspelt rule or threshold would silently change nothing."""
    with _RULES.open(encoding="utf-8", newline="") as lines:
        rules = {row["rule_id"] for row in csv.DictReader(lines)} | {"*"}
    with _THRESHOLDS.open(encoding="utf-8", newline="") as lines:
        names = {row["threshold"] for row in csv.DictReader(lines)}
    for row in tables["rule_thresholds"]:
        where = f"rule_thresholds.csv line {row['_line']}, column"
        if row["rule_id"] not in rules:
            problems.append(f"{where} rule_id: no rule is named '{row['rule_id']}'; known: {', '.join(sorted(rules))}")
        if row["threshold"] not in names:
            problems.append(f"{where} threshold: '{row['threshold']}' is unknown; known: {', '.join(sorted(names))}")
