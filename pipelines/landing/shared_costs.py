"""Shared pools as numbered steps: each pool's method, its parts, and the fallbacks that follow when a weight is zero.

Checks every pool as a whole, and that money put into any pool can reach a cost centre.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pyarrow as pa

from pipelines.landing.decision_files import (
    DRIVER_METHODS,
    LEDGER_DRIVERS,
    METHODS,
    SCOPED_DRIVERS,
    SIMPLE_METHODS,
    Row,
)

Tables = dict[str, list[Row]]
_HUNDRED = Decimal(100)
_WEIGHING = {"equal_split": "even", "headcount_based": "person_days", "revenue_based": "revenue_days"}

POOLS = pa.schema({"pool_id": pa.string(), "scope": pa.string(), "is_daily": pa.bool_(), "rule_version": pa.string()})
STEPS = pa.schema(
    {
        "pool_id": pa.string(),
        "part_number": pa.int32(),
        "part_share": pa.decimal128(13, 12),
        "step_number": pa.int32(),
        "method": pa.string(),
        "weighing": pa.string(),  # even | person_days | revenue_days | driver | ledger | fixed
        "driver": pa.string(),
        "months_back": pa.int32(),
        "is_daily": pa.bool_(),
    }
)
TARGETS = pa.schema({"pool_id": pa.string(), "target": pa.string(), "is_pool": pa.bool_()})


def name_pools(tables: Tables) -> None:
    """Give every rule its version, and every activity of an activity-based pool a pool of its own, `pool/driver`."""
    for number, row in enumerate(tables["shared_cost_rules"]):
        row["rule_row"] = number
        row["_pool"] = row["pool_id"]
        if row["method"] == "activity_based":
            row["pool_id"] = f"{row['pool_id']}/{row['driver']}"


def pools(tables: Tables) -> list[Row]:
    """One row per pool: what its weights are scoped by, and a version that changes with anything that splits it."""
    found = []
    steps = pool_steps(tables)
    for pool_id, row in _first_rows(tables).items():
        own = [step for step in steps if step["pool_id"] == pool_id]
        drivers = {step["driver"] for step in own}
        decided = [
            [sorted((k, str(v)) for k, v in other.items() if not k.startswith("_") and k not in ("rule_row", "note"))
             for other in tables[name] if other["pool_id"] in (pool_id, row["_pool"])]
            for name in ("shared_cost_rules", "shared_cost_shares", "shared_cost_parts")
        ]  # fmt: skip
        found.append(
            {
                "pool_id": pool_id,
                "scope": "service"
                if "service_cost" in drivers
                else "source"
                if drivers & {*SCOPED_DRIVERS}
                else "none",
                "is_daily": any(step["is_daily"] for step in own),
                "rule_version": hashlib.sha256(repr(decided).encode()).hexdigest()[:12],
            }
        )
    return found


def pool_steps(tables: Tables) -> list[Row]:
    """Every pool's parts (one, but for a hybrid) with their steps in the order in which they are tried."""
    steps: list[Row] = []
    for pool_id, row in _first_rows(tables).items():
        parts = [part for part in tables["shared_cost_parts"] if part["pool_id"] == pool_id]
        if row["method"] != "hybrid":
            parts = [row | {"share_percent": _HUNDRED}]
        for part_number, part in enumerate(parts, start=1):
            chain = [_step(part["method"], part["driver"], "hybrid" if row["method"] == "hybrid" else part["method"])]
            for name in chain_of(part["fallback"]):
                if name == "unallocated":
                    break
                if name == "previous_period":
                    chain.append(chain[0] | {"months_back": 1})
                elif name in METHODS:
                    chain.append(_step(name, None, name))
                else:
                    chain.append(_step("proportional_usage", name, "proportional_usage"))
            share = (part["share_percent"] / _HUNDRED).quantize(Decimal("1e-12"))
            for number, step in enumerate(chain, start=1):
                steps.append(
                    {"pool_id": pool_id, "part_number": part_number, "part_share": share, "step_number": number} | step
                )
    return steps


def pool_targets(tables: Tables) -> list[Row]:
    """The cost centres and pools to which a pool is limited; a pool without rows here serves all cost centres."""
    known = _first_rows(tables)
    return [
        {"pool_id": pool_id, "target": target, "is_pool": target in known}
        for pool_id, row in known.items()
        for target in targets_of(row)
    ]


def _step(method: str, driver: str | None, reported: str) -> Row:
    if method == "proportional_cost":
        method, driver = "proportional_usage", "direct_cost"
    if method == "fixed_percentage":
        weighing, driver = "fixed", None
    elif method in SIMPLE_METHODS:
        weighing, driver = _WEIGHING[method], None
    else:
        weighing = "ledger" if driver in (*LEDGER_DRIVERS, *SCOPED_DRIVERS) else "driver"
    return {
        "method": reported,
        "weighing": weighing,
        "driver": driver,
        "months_back": 0,
        "is_daily": method == "telemetry",
    }


def _first_rows(tables: Tables) -> dict[str, Row]:
    first: dict[str, Row] = {}
    for row in tables["shared_cost_rules"]:
        first.setdefault(row["pool_id"], row)
    return first


def chain_of(fallback: str | None) -> list[str]:
    return [step.strip() for step in (fallback or "").split(">") if step.strip()]


def targets_of(row: Row) -> list[str]:
    return [target.strip() for target in (row["targets"] or "").split(";") if target.strip()]


def not_served(tables: Tables, name: str) -> str:
    """Why shared cost cannot go to this name, where it is an activity-based pool; empty for any other name."""
    activities = sorted({r["pool_id"] for r in tables["shared_cost_rules"] if r["_pool"] == name != r["pool_id"]})
    if not activities:
        return ""
    return (
        f"'{name}' is activity-based: each activity is a pool of its own; share with {' or '.join(activities)} instead"
    )


# --- checks; each adds sentences with file, line and column ---


def check_pools(tables: Tables, problems: list[str]) -> None:
    """Every pool by itself: its driver, fallbacks, parts and shares."""
    cost_centers = {row["cost_center_id"] for row in tables["cost_centers"]}
    drivers = {row["driver"] for row in tables["drivers"]} | {*LEDGER_DRIVERS, *SCOPED_DRIVERS}
    methods: dict[str, tuple[object, ...]] = {}
    for row in tables["shared_cost_rules"]:
        where = f"shared_cost_rules.csv line {row['_line']}"
        if row["pool_id"] in cost_centers:
            problems.append(f"{where}, column pool_id: '{row['pool_id']}' is a cost centre; name the pool differently")
        if row["match_type"] != "any" and not row["match_value"]:
            problems.append(f"{where}, column match_value: is empty")
        if row["match_type"] == "tag" and not row["match_key"]:
            problems.append(f"{where}, column match_key: a tag rule needs the tag's key")
        _check_way(row, where, drivers, problems)
        same = (row["method"], row["driver"], row["fallback"], row["targets"])
        if methods.setdefault(row["pool_id"], same) != same:
            problems.append(f"{where}: pool {row['_pool']} is shared in another way on an earlier line")
    _check_parts(tables, drivers, problems)
    _check_shares(tables, problems)
    _check_reach(tables, problems)


def _check_way(row: Row, where: str, drivers: set[str], problems: list[str]) -> None:
    method, driver = row["method"], row["driver"]
    if method in DRIVER_METHODS and driver not in drivers:
        problems.append(
            f"{where}, column driver: '{driver or ''}' is neither {', '.join((*LEDGER_DRIVERS, *SCOPED_DRIVERS))} "
            "nor in drivers.csv"
        )
    if method in ("telemetry", "tiered") and driver in (*LEDGER_DRIVERS, *SCOPED_DRIVERS):
        problems.append(f"{where}, column driver: {method} needs a driver of drivers.csv, not {driver}")
    for step in chain_of(row["fallback"]):
        simple = (*SIMPLE_METHODS, "proportional_cost", "previous_period", "unallocated")
        if step not in (*simple, *drivers):
            problems.append(f"{where}, column fallback: '{step}' is neither a method, a driver nor unallocated")


def _check_parts(tables: Tables, drivers: set[str], problems: list[str]) -> None:
    hybrids = {row["pool_id"]: row for row in tables["shared_cost_rules"] if row["method"] == "hybrid"}
    totals: dict[str, Decimal] = dict.fromkeys(hybrids, Decimal(0))
    for row in tables["shared_cost_parts"]:
        where = f"shared_cost_parts.csv line {row['_line']}"
        if row["pool_id"] not in hybrids:
            problems.append(f"{where}, column pool_id: '{row['pool_id']}' is no hybrid pool of shared_cost_rules.csv")
            continue
        _check_way(row, where, drivers, problems)
        if row["share_percent"] <= 0:
            problems.append(f"{where}, column share_percent: must be above 0")
        totals[row["pool_id"]] += row["share_percent"]
    for pool_id, total in totals.items():
        if total != _HUNDRED:
            problems.append(
                f"shared_cost_rules.csv line {hybrids[pool_id]['_line']}, column method: the parts of hybrid pool "
                f"{pool_id} (shared_cost_parts.csv) sum to {total.normalize():f}, not 100"
            )


def _check_shares(tables: Tables, problems: list[str]) -> None:
    """At most 100 on any day; what is missing to 100 stays unallocated."""
    fixed = {row["pool_id"]: row for row in tables["shared_cost_rules"] if row["method"] == "fixed_percentage"}
    known = {row["cost_center_id"] for row in tables["cost_centers"]} | set(_first_rows(tables))
    by_pool: dict[str, list[Row]] = {pool_id: [] for pool_id in fixed}
    for row in tables["shared_cost_shares"]:
        where = f"shared_cost_shares.csv line {row['_line']}"
        if row["pool_id"] not in fixed:
            text = f"'{row['pool_id']}' is no fixed_percentage pool of shared_cost_rules.csv"
            problems.append(f"{where}, column pool_id: {text}")
            continue
        if row["target"] not in known:
            why = not_served(tables, row["target"]) or f"'{row['target']}' is neither a cost centre nor a pool"
            problems.append(f"{where}, column target: {why}")
        if row["target"] == row["pool_id"]:
            problems.append(f"{where}, column target: a pool cannot be shared with itself")
        if row["share_percent"] < 0:
            problems.append(f"{where}, column share_percent: is negative")
        if row["valid_from"] >= row["valid_to"]:
            problems.append(f"{where}, column valid_to: is not after valid_from")
        by_pool[row["pool_id"]].append(row)
    for pool_id, rows in by_pool.items():
        if not rows:
            problems.append(
                f"shared_cost_rules.csv line {fixed[pool_id]['_line']}, column method: pool {pool_id} has no "
                "percentages in shared_cost_shares.csv"
            )
        for day in sorted({row["valid_from"] for row in rows}):
            on_day = [row for row in rows if row["valid_from"] <= day < row["valid_to"]]
            total = sum((row["share_percent"] for row in on_day), Decimal(0))
            if total > _HUNDRED:
                problems.append(
                    f"shared_cost_shares.csv line {on_day[-1]['_line']}, column share_percent: the shares of pool "
                    f"{pool_id} sum to {total.normalize():f} on {day}, above 100"
                )
            twice = [row for row in on_day if [other["target"] for other in on_day].count(row["target"]) > 1]
            if twice:
                problems.append(
                    f"shared_cost_shares.csv line {twice[-1]['_line']}, column target: '{twice[-1]['target']}' has two "
                    f"shares of pool {pool_id} on {day}"
                )


def _check_reach(tables: Tables, problems: list[str]) -> None:
    """Pools may serve each other, but every one of them must end at cost centres, and receive by the month."""
    known = _first_rows(tables)
    scoped = {row["pool_id"] for row in pools(tables) if row["scope"] != "none" or row["is_daily"]}
    edges: dict[str, set[str]] = {pool_id: set() for pool_id in known}
    leaves: set[str] = set()
    measured: dict[str, set[str]] = {}
    for row in tables["drivers"]:
        measured.setdefault(row["driver"], set()).add(row["cost_center_id"])
    for pool_id, row in known.items():
        targets = set(targets_of(row))
        if row["method"] == "fixed_percentage":
            shares = [s for s in tables["shared_cost_shares"] if s["pool_id"] == pool_id and s["share_percent"] > 0]
            reached = {share["target"] for share in shares}
        elif row["method"] in DRIVER_METHODS and row["driver"] in measured and not chain_of(row["fallback"]):
            reached = measured[row["driver"]] & (targets or measured[row["driver"]])
        else:
            reached = targets | ({"~all cost centres"} if not targets else set())
            reached |= measured.get(row["driver"] or "", set()) & set(known) if not targets else set()
        edges[pool_id] = reached & set(known)
        if reached - set(known):
            leaves.add(pool_id)
    for pool_id, others in edges.items():
        for other in sorted(others & scoped - {pool_id}):
            problems.append(
                f"shared_cost_rules.csv line {known[pool_id]['_line']}, column targets: pool {other} is split by the "
                "day or by the source, so it cannot receive shared cost"
            )
    reaching = set(leaves)
    while more := {pool for pool, others in edges.items() if others & reaching} - reaching:
        reaching |= more
    for pool_id in known:
        if pool_id not in reaching and edges[pool_id]:
            problems.append(
                f"shared_cost_rules.csv line {known[pool_id]['_line']}, column targets: pool {pool_id} shares only "
                f"with {', '.join(sorted(edges[pool_id]))}; its money would never reach a cost centre"
            )
