"""What will happen: forecast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.app import JsonOption, WorkspaceOption, app, check_files, out, say
from pipelines.settings import Workspace


@app.command()
def forecast(
    series: Annotated[
        Path | None, typer.Option(help="Forecast this Parquet or CSV file of unique_id, ds, y; needs no workspace.")
    ] = None,
    horizon: Annotated[int, typer.Option(min=1, max=400, help="Days (months of monthly series) ahead.")] = 90,
    to: Annotated[Path | None, typer.Option("--out", help="Where the forecast goes: .parquet or .csv.")] = None,
    pool: Annotated[str, typer.Option(help="Candidates: fast, full, neural (full and a network) or auto.")] = "auto",
    seed: Annotated[int, typer.Option(help="Same input and seed, same bytes.")] = 7,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forecast costs with calibrated 80 % and 95 % intervals: of the built warehouse, or of a file of series.

    Example: finops forecast --series costs.csv --horizon 90 --out forecast.parquet
    """
    from pipelines.steps import find_step

    check_files(series, to)
    if pool not in ("auto", "fast", "full", "neural"):
        raise typer.BadParameter(f"'{pool}' is not one of auto, fast, full, neural")
    if series is None or to is None:
        from pipelines.build import compute_results

        summary = compute_results(Workspace.open(workspace), say)
        summary.raise_failed()
        if as_json:
            out.print_json(json.dumps({"models": summary.models, "tests": summary.tests}))
        else:
            out.print(f"Built {summary.models} models on it. Next: finops publish")
        return
    said = find_step("forecast_series")(series, horizon, to, pool=pool, seed=seed, workers=workers, progress=say)
    if as_json:
        out.print_json(json.dumps(said))
        return
    accuracy = "" if said["mean_accuracy"] is None else f", mean accuracy {said['mean_accuracy'] * 100:.1f} %"
    out.print(f"{said['series']} series forecast ({said['pool']} pool){accuracy}: {said['out']}", markup=False)
    for status in ("low_confidence", "fallback", "refused"):
        if said[status]:
            out.print(f"  {said[status]} {status.replace('_', ' ')}: see columns status, assumptions and reason")
