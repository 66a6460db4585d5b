"""What is paid for and not used, from the published marts."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Annotated, Any

import duckdb
import typer
from rich.table import Table

from pipelines.cli.app import JsonOption, WorkspaceOption, amount, app, out
from pipelines.errors import FinopsError
from pipelines.outputs.publish import current_run
from pipelines.settings import Workspace

_WASTE = """
select rule_id, resource_id, sub_account_id, cost_center_id, currency, effective_cost_month, waste_month, waste_basis,
    is_counted, evidence
from fct_waste
where coalesce(cost_center_id, '~unallocated') = coalesce(?, cost_center_id, '~unallocated')
order by is_counted desc, currency nulls last, waste_month desc nulls last, candidate_id
"""


@app.command()
def waste(
    owner: Annotated[str | None, typer.Option("--owner", help="Only of this cost centre, or ~unallocated.")] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many resources to show.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is paid for and not used: resource, rule, owner, and its cost per month of 730 h, before commitments.

    Example: finops waste --owner CC-100
    """
    opened = Workspace.open(workspace)
    current = current_run(opened)
    if current is None:
        raise FinopsError(str(opened.published), "nothing has been published yet", fix="Run `finops run` first")
    with duckdb.connect(str(current / "marts.duckdb"), read_only=True) as con:
        found = con.execute(_WASTE, [owner])
        names = [column[0] for column in found.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    if as_json:
        out.print_json(json.dumps(rows, default=str))
        return
    counted = [row for row in rows if row["is_counted"]]
    for currency in sorted({row["currency"] or "" for row in counted}):
        _print_currency(currency, [row for row in counted if (row["currency"] or "") == currency], top)
    if not counted:
        out.print("Nothing is paid for and not used, as far as signals tell.")


def _print_currency(currency: str, rows: list[dict[str, Any]], top: int) -> None:
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column(f"{currency} a month".strip(), justify="right")
    for column in ("rule", "cost centre", "resource"):
        table.add_column(column, no_wrap=True)
    for row in rows[:top]:
        name = re.split("[/:]", str(row["resource_id"]))[-1]
        owner = row["cost_center_id"] or "~unallocated"
        table.add_row(amount(row["waste_month"]), row["rule_id"], owner, name if len(name) <= 26 else f"{name[:25]}…")
    total = sum((row["waste_month"] for row in rows if row["waste_month"] is not None), Decimal(0))
    unpriced = sum(row["waste_month"] is None for row in rows)
    more = f", {len(rows) - top} more with --top {len(rows)}" if len(rows) > top else ""
    out.print(table)
    out.print(
        f"{amount(total):>{len(currency) + 8}} {len(rows)} resources{more}"
        + (f"; {unpriced} without a price" if unpriced else "")
        + "\n"
    )
