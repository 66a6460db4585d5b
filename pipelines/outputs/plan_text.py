"""A plan as a person reads it at 80 columns: what changed, who pays more or less, which rules move it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pipelines.plan import FileChange, Move, Plan, RuleMove

_MOVES, _RULES = 20, 8  # the largest ones; all are in the files


def print_plan(planned: Plan, out: Console, shown: Callable[[Path], str]) -> None:
    """Print the plan; `shown` shortens a path for display."""
    if not planned.changes:
        out.print(f"Nothing is pending: the decisions are those of run {planned.run_id}.")
        return
    for change in planned.changes:
        out.print(_change(change), markup=False)
    for gap in planned.gaps:
        out.print("\n".join(textwrap.wrap(f"Gap: {gap.sentence}", 80, subsequent_indent=" " * 5)), markup=False)
    out.print()
    if not planned.moves:
        out.print("No money moves.")
        return
    out.print(_moves(planned.moves))
    if len(planned.moves) > _MOVES:
        out.print(f"… and {len(planned.moves) - _MOVES} smaller ones")
    if planned.closed_periods:
        posted = next(move.posting_period for move in planned.moves if move.status == "closed")
        out.print(f"* closed: would be posted as adjustments in {posted}")
    out.print()
    if planned.rules:
        out.print(_rules(planned.rules))
        out.print()
    for currency in sorted({move.currency for move in planned.moves}):
        out.print(_total([move for move in planned.moves if move.currency == currency]))
    for label, path in zip(("Table", "By rule"), (p for p in planned.files if p.suffix == ".csv"), strict=True):
        out.print(f"{label:<12}{shown(path)} (and .parquet)", markup=False)


def _change(change: FileChange) -> str:
    rows = f"{change.rows_before} -> {change.rows_after} rows"
    if change.rows_added is not None:
        rows = f"{change.rows_added} added, {change.rows_removed} removed"
    return f"{change.decision}.csv: {rows}" + ("" if change.decides_allocation else " (moves no money)")


def _table(texts: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for column in texts:
        table.add_column(column)
    for column in numbers:
        table.add_column(column, justify="right")
    return table


def _moves(moves: list[Move]) -> Table:
    table = _table(("month", "cost centre", "cur"), ("now", "planned", "moves"))
    largest = sorted(moves, key=lambda move: -abs(move.amount_moved))[:_MOVES]
    for move in sorted(largest, key=lambda m: (m.billing_period, m.currency, -m.amount_moved, m.cost_center_id)):
        month = move.billing_period + ("*" if move.status == "closed" else "")
        amounts = (f"{move.amount_before:,.2f}", f"{move.amount_after:,.2f}", f"{move.amount_moved:+,.2f}")
        table.add_row(month, _cut(move.cost_center_id, 20), move.currency, *amounts)
    return table


def _rules(rules: list[RuleMove]) -> Table:
    """Per rule or pool: what it divides, and how much of it goes to other cost centres than before."""
    totals: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    moved: dict[tuple[str, str], dict[tuple[str, str], Decimal]] = {}
    for rule in rules:
        key, place = (rule.rule_id, rule.currency), (rule.billing_period, rule.cost_center_id)
        before, after = totals.get(key, (Decimal(0), Decimal(0)))
        totals[key] = (before + rule.cost_before, after + rule.cost_after)
        own = moved.setdefault(key, {})
        own[place] = own.get(place, Decimal(0)) + rule.cost_moved
    gained = {key: sum((max(amount, Decimal(0)) for amount in own.values()), Decimal(0)) for key, own in moved.items()}
    table = _table(("rule or pool", "cur"), ("now", "planned", "to new owners"))
    for key in sorted(totals, key=lambda key: (-max(gained[key], totals[key][0] - totals[key][1]), key))[:_RULES]:
        before, after = totals[key]
        table.add_row(_cut(key[0], 28), key[1], f"{before:,.2f}", f"{after:,.2f}", f"{gained[key]:,.2f}")
    return table


def _total(moves: list[Move]) -> str:
    """One currency's sentence."""
    currency = moves[0].currency
    moved = sum((max(move.amount_moved, Decimal(0)) for move in moves), Decimal(0))
    if not moved:
        return f"{currency}: no amount moves; billed amounts, or amounts in the reporting currency, do."
    months = sorted({move.billing_period for move in moves})
    span = months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"
    centers = len({move.cost_center_id for move in moves if move.amount_moved})
    return f"{moved:,.2f} {currency} change hands in {span}, {centers} cost centres."


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
