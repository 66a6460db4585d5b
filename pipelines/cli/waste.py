"""What is paid for and not used, from the published marts."""

from __future__ import annotations

import json
from typing import Annotated

import duckdb
import typer

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
    for row in counted[:top]:
        cost = f"{amount(row['waste_month']):>14} {row['currency'] or '':<3}"
        out.print(f"{cost}  {row['rule_id']:<26} {row['cost_center_id'] or '~unallocated':<13} {row['resource_id']}")
    totals = {
        str(currency): sum(row["waste_month"] for row in counted if row["currency"] == currency and row["waste_month"])
        for currency in sorted({row["currency"] for row in counted if row["currency"]})
    }
    unpriced = sum(row["waste_month"] is None for row in counted)
    shown = ", ".join(f"{amount(total)} {currency}" for currency, total in totals.items()) or "nothing"
    out.print(f"{len(counted)} resources, {shown} a month; {unpriced} without a price.")
