"""The `finops` command: one thin function per command. Exit code 0 done, 1 something is wrong, 2 wrong arguments."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipelines.errors import FinopsError
from pipelines.settings import Workspace, is_period, periods_in

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Three clouds' bills to one ledger, allocated, reconciled and published.",
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="The workspace's folder; default $FINOPS_WORKSPACE, ./workspace."),
]
PeriodOption = Annotated[str | None, typer.Option("--period", help="Only this billing period, YYYY-MM.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def _say(message: str) -> None:
    err.print(message, markup=False)


def _checked(period: str | None) -> str | None:
    if period is not None and not is_period(period):
        raise typer.BadParameter(f"'{period}' is not a billing period; write it like 2026-10")
    return period


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="The folder to make.")]) -> None:
    """Make a workspace with commented examples.

    Example: finops init acme
    """
    from pipelines.workspace_template import write_workspace

    written = write_workspace(folder)
    out.print(f"Made {len(written)} files in {folder}. Existing files were left alone.")
    out.print(f"Next: name your bills in {folder / 'finops.toml'}, then run `{_program()} run -w {folder}`.")


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    rows: Annotated[int, typer.Option(min=1_000, help="About how many charge lines.")] = 520_000,
    seed: Annotated[int, typer.Option(help="Another seed, another company.")] = 7,
    months: Annotated[int, typer.Option(min=1, max=60, help="How many months.")] = 13,
) -> None:
    """Write three clouds' exports in the providers' own layouts, with decisions and a truth file.

    Example: finops sample demo --rows 50000 --months 6
    """
    from pipelines.sample import write_sample

    summary = write_sample(folder, rows=rows, seed=seed, months=months, progress=_say)
    out.print(f"Sample company in {folder}: {_describe(summary)}")


def _describe(summary: Any) -> str:
    return f"{summary.rows:,} charge lines, {summary.files} files" + ("" if summary.written else " (already there)")


@app.command()
def land(
    sources: Annotated[list[str] | None, typer.Argument(help="Names of sources; all when none.")] = None,
    period: Annotated[
        str | None, typer.Option("--period", help="Only this billing period, YYYY-MM, or a range, YYYY-MM..YYYY-MM.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Land new and changed deliveries; what did not change is not read again.

    Example: finops land aws-payer --period 2026-01..2026-06
    """
    from pipelines.landing import land as land_sources

    if period and not periods_in(period):
        raise typer.BadParameter(f"'{period}' is no billing period; write 2026-10, or 2026-01..2026-06 for a range")
    report = land_sources(Workspace.open(workspace), sources, period, _say)
    if as_json:
        out.print_json(
            json.dumps(
                [
                    {
                        "source": r.source,
                        "billing_period": r.billing_period,
                        "outcome": r.outcome,
                        "rows": r.rows,
                        "error": str(r.error) if r.error else None,
                    }
                    for r in report.results
                ]
            )
        )
    else:
        unchanged = len(report.results) - len(report.changed) - len(report.failed)
        out.print(f"{len(report.changed)} landed, {unchanged} unchanged, {len(report.failed)} failed.")
    if report.failed:
        raise typer.Exit(1)


@app.command()
def build(
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Build everything anew.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Decisions, then every model and data test of the warehouse.

    Example: finops build
    """
    from pipelines.build import build as build_warehouse

    summary = build_warehouse(Workspace.open(workspace), full_refresh=full_refresh, progress=_say)
    out.print(f"Built {summary.models} models, {summary.tests} data tests passed.")


@app.command()
def publish(workspace: WorkspaceOption = None) -> None:
    """Audit the marts and switch readers to them, all or nothing.

    Example: finops publish
    """
    from pipelines.outputs.publish import publish as publish_marts

    summary = publish_marts(Workspace.open(workspace), _say)
    out.print(f"Published run {summary.run_id}: {summary.folder}")


@app.command()
def run(period: PeriodOption = None, workspace: WorkspaceOption = None) -> None:
    """Land, build, audit, publish and write the showback: the whole daily run.

    Example: finops run -w demo
    """
    from pipelines.run import overview
    from pipelines.run import run as run_all

    opened = Workspace.open(workspace)
    summary = run_all(opened, _checked(period), _say)
    if summary.published and summary.was_published:
        _print_overview(overview(summary.published))
        _print_places(opened, summary.published, summary.statements)
    for failure in summary.landing.failed:
        err.print(f"failed: {failure.error}", markup=False)
    if summary.landing.failed:
        kept = (
            f"Published marts stay as they were ({summary.published})." if summary.published else "Nothing published."
        )
        err.print(kept if not summary.was_published else "The sources above kept their previous deliveries.")
        raise typer.Exit(1)


def _print_overview(overview: Any) -> None:
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
            table.add_row(total.provider, total.currency, *(_amount(a) for a in amounts), difference)
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
            table.add_row(row.cost_center_id, row.name, _amount(row.amount), change)
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


def _amount(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _print_places(workspace: Workspace, published: Path, statements: Any) -> None:
    out.print(f"Marts       {published / 'marts.duckdb'}")
    if statements:
        out.print(f"Statements  {statements.folder} ({statements.statements} cost centres: xlsx, pdf, csv)")
        out.print(f"Report      {statements.folder / f'showback-{statements.period}.xlsx'}")
    name = _shown(workspace.root)
    out.print("\nNext:")
    out.print(f"  {_program()} status -w {name}")
    if statements:
        out.print(f"  {_program()} showback {_month_before(statements.period)} -w {name}")
    out.print(f"  {_program()} validate -w {name}")


def _program() -> str:
    """How the person called us, so that a printed command can be pasted as it is."""
    return "finops" if shutil.which("finops") else _shown(Path(sys.argv[0]).resolve())


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _month_before(period: str) -> str:
    year, month = map(int, period.split("-"))
    return f"{year - 1}-12" if month == 1 else f"{year}-{month - 1:02d}"


@app.command()
def validate(
    source: Annotated[str | None, typer.Option("--source", "-s", help="Only this source.")] = None,
    sample: Annotated[int, typer.Option(min=0, help="Rows per provider for the checkers; 0 for all.")] = 20_000,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the ledger against FOCUS: the official validator, the 1.4 checks and our own rules.

    Example: finops validate --source aws-payer --sample 50000
    """
    from pipelines.conformance.report import write_report
    from pipelines.conformance.validate import validate as validate_ledger

    opened = Workspace.open(workspace)
    found = validate_ledger(opened, source, sample, _say)
    folder = write_report(found, opened.reports)
    if as_json:
        out.print_json(json.dumps(found.as_dict()))
    else:
        _print_conformance(found)
        out.print(f"Report      {_shown(folder / 'conformance.md')}", markup=False)
    if found.problem:
        err.print(f"finops: {found.problem}", markup=False)
    if not found.is_clean:
        raise typer.Exit(1)


def _print_conformance(found: Any) -> None:
    for checker, title in (
        ("official", "FOCUS 1.2, focus-validator 2.2.1 (official)"),
        ("toolkit", "FOCUS 1.4, focus-data-toolkit 0.14.1"),
    ):
        tallies = [tally for tally in found.tallies if tally.checker == checker]
        if not tallies:
            continue
        table = Table(title=title, title_justify="left", box=None, padding=(0, 1), pad_edge=False)
        table.add_column("rows of")
        numbers = ("run", "passed", "failed", "skipped") if checker == "official" else ("failed",)
        for column in ("checked", "in ledger", *numbers, "explained", "not"):
            table.add_column(column, justify="right")
        for t in tallies:
            run = [t.rules - t.skipped, t.passed, t.failed, t.skipped] if checker == "official" else [t.failed]
            counts = [str(n) for n in (*run, t.explained, t.unexplained)]
            table.add_row(t.group, f"{t.rows:,}", f"{t.rows_in_ledger:,}", *counts)
        out.print(table)
        out.print()
    if any(t.rows < t.rows_in_ledger for t in found.tallies):
        out.print("Checked rows are a sample: every source, month, rule, service and gap in turn.\n")
    for failure in found.unexplained:
        out.print(f"Unexplained {failure.group}  {failure.rule}  {failure.violations} violations", markup=False)
        out.print(f"            {failure.message} {failure.reason}", markup=False)
    kept = found.own_rules - len({broken.rule for broken in found.broken if broken.origin != "observed"})
    out.print(f"Our rules   {kept} of {found.own_rules} kept on all {found.own_rows:,} rows")
    for broken in found.broken:
        out.print(
            f"  {broken.origin:<10}{broken.rule}: {broken.rows_broken} rows, first {broken.example}", markup=False
        )
    columns = {gap.column for gap in found.gaps}
    out.print(f"Gaps        {len(columns)} columns that a source does not give (gaps.csv)")


@app.command()
def showback(
    period: Annotated[str | None, typer.Argument(help="Billing period, YYYY-MM; default the newest.")] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Write the statements of a month: per cost centre XLSX, PDF and CSV, and one workbook of all.

    Example: finops showback 2026-10
    """
    from pipelines.run import showback as write_showback

    summary = write_showback(Workspace.open(workspace), _checked(period), _say)
    out.print(f"{summary.statements} statements for {summary.period} ({summary.status}): {summary.folder}")


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
    planned = plan_decisions(opened, _say)
    if as_json:
        out.print_json(json.dumps(planned.as_dict(), default=str))
    else:
        print_plan(planned, out, _shown)
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
        reopen(opened, period, by=by, reason=reason, progress=_say)
        out.print(f"{period} is open again; its closed statement and the reversal stay in fct_closed_statements.")
        return
    months = [*(earlier_open_periods(opened, period) if with_earlier else []), period]
    for month in months:
        summary = close_month(opened, month, despite=despite, progress=_say)
        totals = ", ".join(f"{_amount(total)} {currency}" for currency, total in summary.totals.items())
        out.print(f"{month}  {summary.status.replace('_', ' ')}  {totals}")
        if summary.status == "soft_closed":
            digest = summary.statement_hash[:12]
            out.print("\nWaiting for approval. Add this row to decisions/close_approvals.csv and run again:")
            out.print(f"  {month},approve,{digest},NAME,{date.today()},", markup=False)
            out.print("  (billing_period,decision,statement_hash,approved_by,approved_on,note)", markup=False)
            return
        write_showback(opened, month, _say)


@app.command()
def explain(
    reference: Annotated[
        str, typer.Argument(help="A statement's line id, COST_CENTER/DAY[/RULE], or SOURCE/MONTH/FILE:ROW.")
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


@app.command()
def status(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Sources, what has landed, is published, is wrong, was restated or may not be closed yet, and the next command.

    Example: finops status --json
    """
    from pipelines.status import workspace_status

    opened = Workspace.open(workspace)
    state = workspace_status(opened)
    if as_json:
        out.print_json(json.dumps(state.as_dict(), default=str))
    else:
        table = Table(box=None, padding=(0, 1), pad_edge=False)
        for column in ("source", "format", "first", "last"):
            table.add_column(column)
        for column in ("months", "rows"):
            table.add_column(column, justify="right")
        for source in state.sources:
            table.add_row(
                source.name,
                source.format,
                source.first or "-",
                source.last or "-",
                str(source.months),
                f"{source.rows:,}",
            )
        out.print(table)
        out.print(f"\nPublished   {state.published or 'nothing yet'}")
        for problem in state.problems:
            out.print(f"Wrong       {problem}", markup=False)
        for label, sentence in state.learned.lines():
            out.print("\n".join(textwrap.wrap(f"{label:<12}{sentence}", 80, subsequent_indent=" " * 12)), markup=False)
        command = state.next_command.removeprefix("finops ")
        if command != state.next_command:
            command = f"{_program()} {command} -w {_shown(opened.root)}"
        out.print(f"Next        {command}")
    if state.problems:
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; expected failures are one clear message and exit code 1."""
    try:
        app()
    except FinopsError as problem:
        err.print(f"finops: {problem}", markup=False, style="bold")
        raise SystemExit(1) from None
