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
    for row in tables["commitment_offers"]:
        where = f"commitment_offers.csv line {row['_line']}"
        if not 0 < row["discount_percent"] < 100:
            problems.append(f"{where}, column discount_percent: must be above 0 and below 100")
        if not 0 <= row["upfront_percent"] <= 100:
            problems.append(f"{where}, column upfront_percent: must be from 0 to 100")
        if row["term_months"] < 1:
            problems.append(f"{where}, column term_months: must be above 0")
    for row in tables["recommendation_decisions"]:
        where = f"recommendation_decisions.csv line {row['_line']}"
        if len(row["recommendation_id"]) < 8:
            problems.append(f"{where}, column recommendation_id: give at least its first 8 characters")
        if row["decision"] == "applied" and row["applied_on"] is None:
            problems.append(f"{where}, column applied_on: an applied recommendation needs the day it was done")
