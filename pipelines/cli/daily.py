"""The daily run, step by step and as a whole: init, sample, land, build, publish, run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.app import (
    JsonOption,
    PeriodOption,
    WorkspaceOption,
    app,
    checked,
    err,
    out,
    program,
    say,
)
from pipelines.cli.overview import print_overview, print_places
from pipelines.settings import Workspace, periods_in


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="The folder to make.")]) -> None:
    """Make a workspace with commented examples.

    Example: finops init acme
    """
    from pipelines.workspace_template import write_workspace

    written = write_workspace(folder)
    out.print(f"Made {len(written)} files in {folder}. Existing files were left alone.")
    out.print(f"Next: name your bills in {folder / 'finops.toml'}, then run `{program()} run -w {folder}`.")


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

    summary = write_sample(folder, rows=rows, seed=seed, months=months, progress=say)
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
    report = land_sources(Workspace.open(workspace), sources, period, say)
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


@app.command("land-usage")
def land_usage(
    signals: Annotated[list[str] | None, typer.Argument(help="Names of signals; all when none.")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Land inventory, utilisation and commitments: what exists and how busy it is.

    Example: finops land-usage acme-aws
    """
    from pipelines.landing.usage.land import land_usage as land_signals

    results = land_signals(Workspace.open(workspace), signals, say)
    if as_json:
        out.print_json(
            json.dumps(
                [
                    {"source": r.source, "outcome": r.outcome, "days": r.days, "rows": r.rows, "gaps": r.gaps,
                     "error": str(r.error) if r.error else None}
                    for r in results
                ]
            )
        )  # fmt: skip
    else:
        out.print(f"{sum(r.outcome == 'landed' for r in results)} landed of {len(results)}.")
    if any(r.error for r in results):
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

    summary = build_warehouse(Workspace.open(workspace), full_refresh=full_refresh, progress=say)
    out.print(f"Built {summary.models} models, {summary.tests} data tests passed.")


@app.command()
def publish(workspace: WorkspaceOption = None) -> None:
    """Audit the marts and switch readers to them, all or nothing.

    Example: finops publish
    """
    from pipelines.outputs.publish import publish as publish_marts

    summary = publish_marts(Workspace.open(workspace), say)
    out.print(f"Published run {summary.run_id}: {summary.folder}")


@app.command()
def run(period: PeriodOption = None, workspace: WorkspaceOption = None) -> None:
    """Land, build, audit, publish and write the showback: the whole daily run.

    Example: finops run -w demo
    """
    from pipelines.run import overview
    from pipelines.run import run as run_all

    opened = Workspace.open(workspace)
    summary = run_all(opened, checked(period), say)
    if summary.published and summary.was_published:
        print_overview(overview(summary.published))
        print_places(opened, summary.published, summary.statements)
    for failure in (*(result.error for result in summary.landing.failed), *summary.problems):
        err.print(f"failed: {failure}", markup=False)
    if summary.landing.failed:
        kept = (
            f"Published marts stay as they were ({summary.published})." if summary.published else "Nothing published."
        )
        err.print(kept if not summary.was_published else "The sources above kept their previous deliveries.")
    if summary.landing.failed or summary.problems:
        raise typer.Exit(1)
