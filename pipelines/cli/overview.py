"""What a run is summed up by, at 80 columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from pipelines.cli.app import (
    amount,
    out,
    program,
    shown,
)
from pipelines.settings import Workspace


def print_overview(overview: Any) -> None:
    """Invoice, ledger, allocated and statement totals, the top cost centres, what nobody owns."""
    from pipelines.outputs.statement_model import change_ratio

    for basis, title in (
        ("billed", "Invoice to statement: billed cost"),
        ("effective", "Ledger to statement: effective cost (commitments amortised)"),
    ):
        table = Table(title=title, title_justify="left", box=None, padding=(0, 1), pad_edge=False)
        for column in ("provider", "cur"):
            table.add_column(column)
        first = ["invoice"] if basis == "billed" else []
        for column in (*first, "ledger", "allocated", "statements", "diff"):
            table.add_column(column, justify="right")
        for total in (t for t in overview.totals if t.basis == basis):
            amounts = [total.invoice] if basis == "billed" else []
            amounts += [total.ledger, total.allocated, total.statements]
            difference = "0" if total.difference == 0 else f"{total.difference.normalize():f}"
            table.add_row(total.provider, total.currency, *(amount(a) for a in amounts), difference)
        out.print()
        out.print(table)
    if overview.top:
        table = Table(
            title=f"Top cost centres in {overview.period}, {overview.currency}",
            title_justify="left", box=None, padding=(0, 1), pad_edge=False,
        )  # fmt: skip
        table.add_column("cost centre")
        table.add_column("name")
        table.add_column("amount", justify="right")
        table.add_column("vs previous month", justify="right")
        for row in overview.top:
            ratio = change_ratio(row.amount, row.previous) if row.previous else None
            change = "new" if ratio is None else f"{ratio * 100:+.1f} %"
            table.add_row(row.cost_center_id, row.name, amount(row.amount), change)
        out.print()
        out.print(table)
    out.print()
    if overview.unallocated is not None:
        out.print(f"Unallocated in {overview.period}: {overview.unallocated * 100:.1f} % of effective cost")
    if overview.unconverted:
        out.print(
            f"No {overview.currency} rate for {', '.join(overview.unconverted)} in {overview.period}: "
            "reporting amounts are empty there (decisions/fx_rates.csv)"
        )


def print_places(workspace: Workspace, published: Path, statements: Any) -> None:
    """Where the results lie, and what to try next."""
    from pipelines.landing.deliveries import landed_deliveries
    from pipelines.outputs.statement_periods import periods_before

    out.print(f"Marts       {published / 'marts.duckdb'}")
    if statements:
        out.print(f"Statements  {statements.folder} ({statements.statements} cost centres: xlsx, pdf, csv)")
        out.print(f"Report      {statements.folder / f'showback-{statements.period}.xlsx'}")
    name = shown(workspace.root)
    out.print("\nNext:")
    out.print(f"  {program()} status -w {name}")
    if statements:
        before = periods_before(statements.period, 1)
        is_landed = any(delivery.billing_period == before for delivery in landed_deliveries(workspace))
        out.print(f"  {program()} {f'showback {before}' if is_landed else 'recommend'} -w {name}")
    out.print(f"  {program()} validate -w {name}")
