"""What is unusual: anomalies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.app import JsonOption, WorkspaceOption, app, check_files, one_line, out, say
from pipelines.settings import Workspace


@app.command()
def anomalies(
    series: Annotated[
        Path | None, typer.Option(help="Look at this Parquet or CSV file of unique_id, ds, y; needs no workspace.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--out", help="Where the anomalies go: .parquet or .csv.")] = None,
    least_change: Annotated[float, typer.Option(min=0, help="Least change of a day, as a share.")] = 0.15,
    least_amount: Annotated[float, typer.Option(min=0, help="Least change of a day, in the unit of y.")] = 0.0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find costs that are not what they should be: in the built warehouse, or in a file of daily series.

    Example: finops anomalies --series costs.csv --out anomalies.csv
    """
    from pipelines.steps import find_step

    check_files(series, to)
    if series and to:
        found = find_step("anomalies_of_file")(series, to, least_change, least_amount)
        if as_json:
            out.print_json(json.dumps(found))
        else:
            out.print(f"{found['anomalies']} anomalies in {found['series']} series: {found['out']}", markup=False)
            for name, reason in found["refused"].items():
                out.print(f"  not looked at: {one_line(name, 60)} ({reason})", markup=False)
        return
    from pipelines.build import compute_results

    opened = Workspace.open(workspace)
    summary = compute_results(opened, say)
    summary.raise_failed()
    if as_json:
        out.print_json(json.dumps({"models": summary.models, "tests": summary.tests}))
    else:
        out.print(f"Built {summary.models} models on them. Next: finops publish")
