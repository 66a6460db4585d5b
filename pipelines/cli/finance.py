"""What finance does with a month: showback, plan, close, explain."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer

from pipelines.cli.app import (
    JsonOption,
    WorkspaceOption,
    amount,
    app,
    checked,
    out,
    say,
    shown,
)
from pipelines.errors import FinopsError
from pipelines.outputs.statement_periods import is_week_or_day
from pipelines.settings import Workspace


@app.command()
def showback(
    period: Annotated[
        str | None, typer.Argument(help="Billing period, YYYY-MM (default the newest), a week or a day.")
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Write the statements of a month: per cost centre XLSX, PDF and CSV, and one workbook of all.

    A month that is not over is an ESTIMATE by week and day, without a journal. So are a week (2026-W47) and a day
    (2026-11-24) on their own.

    Example: finops showback 2026-10
    """
    from pipelines.run import showback as write_showback

    chosen = period if period and is_week_or_day(period) else checked(period)
    summary = write_showback(Workspace.open(workspace), chosen, say)
    status = "estimate" if is_week_or_day(summary.period) else summary.status
    out.print(f"{summary.statements} statements for {summary.period} ({status}): {summary.folder}")


@app.command()
def mail(
    period: Annotated[str | None, typer.Argument(help="Billing period, YYYY-MM; default the newest.")] = None,
    send: Annotated[bool, typer.Option("--send", help="Send them; without it, only say who would get what.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a month's statements and send each to its cost centre's owner_email, once per revision.

    Example: finops mail 2026-10 --send
    """
    from pipelines.run import letters

    found = letters(Workspace.open(workspace), checked(period), send=send, progress=say)
    if as_json:
        out.print_json(json.dumps([asdict(letter) for letter in found]))
    else:
        for letter in found:
            why = f"  ({letter.why})" if letter.why else ""
            out.print(f"{letter.state:<14} {letter.recipient or '-':<30} {letter.subject}{why}", markup=False)
        counts = Counter(letter.state for letter in found)
        totals = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        out.print(f"{totals}." + ("" if send else " Dry run: nothing was sent. Add --send to send."))
    if any(letter.state == "refused" for letter in found):
        raise typer.Exit(1)


@app.command()
def plan(
    adjust: Annotated[
        bool, typer.Option("--adjust", help="Closed months may differ: post the difference as adjustments.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """The money that changed decision files would move, per cost centre and month, before they apply.

    Compares with the published run and changes nothing; exit code 1 when a closed month would differ.

    Example: finops plan --json
    """
    from pipelines.outputs.plan_text import print_plan
    from pipelines.plan import plan as plan_decisions

    opened = Workspace.open(workspace)
    planned = plan_decisions(opened, say)
    if as_json:
        out.print_json(json.dumps(planned.as_dict(), default=str))
    else:
        print_plan(planned, out, shown)
    if not adjust:
        planned.refuse_closed_months()


@app.command()
def close(
    period: Annotated[str, typer.Argument(help="Billing period, YYYY-MM.")],
    with_earlier: Annotated[bool, typer.Option("--with-earlier", help="Also every open month before it.")] = False,
    despite: Annotated[str, typer.Option(help="Close an incomplete month; the reason stays in the books.")] = "",
    reopening: Annotated[bool, typer.Option("--reopen", help="Reverse the newest closed month.")] = False,
    by: Annotated[str, typer.Option(help="Who opens it again.")] = "",
    reason: Annotated[str, typer.Option(help="Why it is opened again.")] = "",
    workspace: WorkspaceOption = None,
) -> None:
    """Close a month: check it, wait for approval of exactly its numbers, post it. Closed statements never change.

    Example: finops close 2026-10
    """
    from pipelines.close import close as close_month
    from pipelines.close import earlier_open_periods, reopen
    from pipelines.run import showback as write_showback

    opened = Workspace.open(workspace)
    if reopening:
        reopen(opened, period, by=by, reason=reason, progress=say)
        out.print(f"{period} is open again; its closed statement and the reversal stay in fct_closed_statements.")
        return
    months = [*(earlier_open_periods(opened, period) if with_earlier else []), period]
    for month in months:
        summary = close_month(opened, month, despite=despite, progress=say)
        totals = ", ".join(f"{amount(total)} {currency}" for currency, total in summary.totals.items())
        out.print(f"{month}  {summary.status.replace('_', ' ')}  {totals}")
        if summary.status == "soft_closed":
            digest = summary.statement_hash[:12]
            out.print("\nWaiting for approval. Add this row to decisions/close_approvals.csv and run again:")
            out.print(f"  {month},approve,{digest},NAME,{date.today()},", markup=False)
            out.print("  (billing_period,decision,statement_hash,approved_by,approved_on,note)", markup=False)
            return
        write_showback(opened, month, say)


@app.command()
def explain(
    reference: Annotated[
        str,
        typer.Argument(
            help="A statement's line id, COST_CENTER/DAY, COST_CENTER/DAY/RULE, SOURCE/MONTH/FILE:ROW, or the id of a "
            "recommendation or screening."
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, help="How many charges to show, the dearest first.")] = 10,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lead a number back to rules and their versions, deliveries, source files and rows.

    Example: finops explain 3f2a9c
    """
    from pipelines.explain import explain as explain_number
    from pipelines.explain import lines_of
    from pipelines.outputs.publish import current_run

    current = current_run(Workspace.open(workspace))
    if current is None:
        raise FinopsError("explain", "nothing has been published yet", fix="Run `finops run` first")
    found = explain_number(current, reference, limit)
    if as_json:
        out.print_json(json.dumps(found.as_dict(), default=str))
    else:
        for line in lines_of(found):
            out.print(line, markup=False)
