"""Commitment scopes: which accounts a commitment serves first, before what they leave floats to everyone else.

A commitment's discount goes to whoever used the machines that hour; the team that bought it may have had another
idea. Scopes say who it was bought for. Several commitments for the same accounts are one scope: their quantities add.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pipelines.landing.decision_files import Row

Tables = dict[str, list[Row]]

MEMBERS = pa.schema({"scope_id": pa.string(), "member_kind": pa.string(), "member": pa.string()})


def scope_members(tables: Tables) -> list[Row]:
    """One row per scope and account or folder that it names."""
    seen: dict[tuple[Any, ...], Row] = {}
    for row in tables["commitment_scopes"]:
        for kind, column in (("account", "accounts"), ("folder", "folders")):
            for member in _names(row[column]):
                key = (row["scope_id"], kind, member)
                seen[key] = {"scope_id": row["scope_id"], "member_kind": kind, "member": member}
    return list(seen.values())


def check_scopes(tables: Tables, problems: list[str]) -> None:
    """Every scope names someone, and no account or folder is in two scopes of one pool at the same time."""
    by_pool: dict[tuple[Any, ...], list[Row]] = {}
    payers: dict[str, Row] = {}
    for row in tables["commitment_scopes"]:
        where = f"commitment_scopes.csv line {row['_line']}"
        if not _names(row["accounts"]) and not _names(row["folders"]):
            problems.append(f"{where}, column accounts: names nobody; name accounts, folders, or both")
        if row["quantity_per_day"] <= 0:
            problems.append(f"{where}, column quantity_per_day: must be above 0")
        first = payers.setdefault(row["billing_account_id"], row)
        if first["fee_paid_by"] != row["fee_paid_by"]:
            problems.append(
                f"{where}, column fee_paid_by: '{row['fee_paid_by']}' differs from line {first['_line']}; "
                "all scopes of a billing account share one way"
            )
        pool = tuple(row[column] for column in ("billing_account_id", "resource", "family", "region"))
        by_pool.setdefault(pool, []).append(row)
    for rows in by_pool.values():
        for number, row in enumerate(rows):
            for other in rows[:number]:
                _check_pair(other, row, problems)


def _check_pair(other: Row, row: Row, problems: list[str]) -> None:
    where = f"commitment_scopes.csv line {row['_line']}"
    if other["scope_id"] == row["scope_id"]:
        if _everyone(other) != _everyone(row):
            problems.append(f"{where}, column accounts: differs from line {other['_line']}, the same scope")
        return
    both = _everyone(other) & _everyone(row)
    if both and other["valid_from"] < row["valid_to"] and row["valid_from"] < other["valid_to"]:
        name = sorted(both)[0][1]
        problems.append(
            f"{where}: '{name}' is also in line {other['_line']} at the same time; "
            "give both lines one scope_id and the same accounts and folders, then their quantities add"
        )


def _everyone(row: Row) -> set[tuple[str, str]]:
    return {(column, name) for column in ("accounts", "folders") for name in _names(row[column])}


def _names(cell: str | None) -> list[str]:
    return [name.strip() for name in (cell or "").split(";") if name.strip()]
