"""Is it right, and what is wrong: validate, status."""

from __future__ import annotations

import json
import textwrap
from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.app import (
    JsonOption,
    WorkspaceOption,
    app,
    err,
    out,
    program,
    say,
    shown,
)
from pipelines.settings import Workspace


@app.command()
def validate(
    source: Annotated[str | None, typer.Option("--source", "-s", help="Only this source.")] = None,
    sample: Annotated[int, typer.Option(min=0, help="Rows per provider for the checkers; 0 for all.")] = 20_000,
    strict: Annotated[
        bool, typer.Option("--strict", help="Also exit 1 on what files that came as FOCUS break themselves.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the ledger against FOCUS: the official validator, the 1.4 checks and our own rules.

    Example: finops validate --source aws-payer --sample 50000
    """
    from pipelines.conformance.report import write_report
    from pipelines.conformance.validate import validate as validate_ledger

    opened = Workspace.open(workspace)
    found = validate_ledger(opened, source, sample, say, strict=strict)
    folder = write_report(found, opened.reports)
    if as_json:
        out.print_json(json.dumps(found.as_dict()))
    else:
        _print_conformance(found)
        out.print(f"Report      {shown(folder / 'conformance.md')}", markup=False)
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
        awaited = [("Invoice", sentence) for sentence in state.missing_invoices]
        for label, sentence in (*awaited, *state.learned.lines()):
            out.print("\n".join(textwrap.wrap(f"{label:<12}{sentence}", 80, subsequent_indent=" " * 12)), markup=False)
        command = state.next_command.removeprefix("finops ")
        if command != state.next_command:
            command = f"{program()} {command} -w {shown(opened.root)}"
        out.print(f"Next        {command}")
    if state.problems:
        raise typer.Exit(1)
