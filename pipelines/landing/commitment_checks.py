"""Checks of the decisions about commitments and recommendations. Each adds sentences with file, line and column."""

from __future__ import annotations

from typing import Any

Tables = dict[str, list[dict[str, Any]]]


def check_commitment_decisions(tables: Tables, problems: list[str]) -> None:
    seen: dict[str, int] = {}
    for row in tables["commitment_terms"]:
        where = f"commitment_terms.csv line {row['_line']}"
        if row["starts_on"] and row["ends_on"] and row["starts_on"] >= row["ends_on"]:
            problems.append(f"{where}, column ends_on: is not after starts_on")
        if row["term_months"] is not None and row["term_months"] < 1:
            problems.append(f"{where}, column term_months: must be above 0")
        if row["commitment_id"] in seen:
            problems.append(f"{where}: repeats line {seen[row['commitment_id']]} (same commitment_id)")
        seen[row["commitment_id"]] = row["_line"]
