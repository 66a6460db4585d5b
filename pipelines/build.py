"""Decisions → dbt → warehouse. dbt is run as a command and is the only writer of the warehouse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.dbt_command import run_dbt
from pipelines.errors import BuildError, FinopsError, ResultError
from pipelines.inputs import inputs_version, models_version, structure_version
from pipelines.invoices import check_invoices
from pipelines.landing.books import register_books
from pipelines.landing.contracts import CONTRACTS
from pipelines.landing.decisions import land_decisions
from pipelines.landing.deliveries import landed_deliveries, locked, write_atomically
from pipelines.landing.forecasts import ensure_forecast_files, vintages
from pipelines.landing.history import chains, delivery_version, prune_history, register_history
from pipelines.landing.land import ensure_contract_files
from pipelines.landing.results import ensure_result_files, results_version
from pipelines.landing.usage.tables import register_usage
from pipelines.replay import DAILY_TOTALS, Comparisons, daily_totals, replay
from pipelines.settings import Workspace
from pipelines.steps import find_step

# What only the structure of the project and of landing decides: not run again while that stays as it was.
_STRUCTURE = ["config.materialized:view,path:models/staging", "config.materialized:view,path:models/intermediate"]
_STRUCTURE += ["resource_type:seed"]


@dataclass(frozen=True)
class BuildSummary:
    models: int
    tests: int
    full_refresh: bool
    failed: tuple[ResultError, ...] = ()  # steps of compute_results that broke off

    def raise_failed(self) -> None:
        """Raise the first step's error, if any broke off."""
        for problem in self.failed:
            raise problem


def build(
    workspace: Workspace, *, full_refresh: bool = False, progress: Callable[[str], None] = lambda _: None
) -> BuildSummary:
    """Land the decisions, then build every model that follows from what changed, and check it.

    Everything is rebuilt and checked in full when asked to, or when the models themselves have changed since the last
    build; nothing is when nothing has changed.
    Raises BuildError when a model or test fails, InvoiceError when the result does not tie to the invoices.
    """
    with locked(workspace, "warehouse"):
        land_decisions(workspace)
        register_deliveries(workspace)
        version = models_version(workspace)
        register_history(workspace)
        if replay(workspace, version, lambda small: _run_daily_totals(small, version), progress):
            register_history(workspace)
        built = _Built(workspace)
        inputs = inputs_version(workspace)
        structure = structure_version(workspace)
        # A workspace that was moved holds the same, but its views still look for it in the old place.
        if not full_refresh and built.inputs == inputs and built.structure == structure:
            progress("nothing has changed since the last build")
            _prune(workspace)
            check_invoices(workspace)
            return BuildSummary(0, 0, False)
        full_refresh = full_refresh or (workspace.warehouse.is_file() and built.by != version)
        if full_refresh and built.by not in (None, version):
            progress("the models have changed since the last build: building everything anew")
        data_only = not full_refresh and built.structure == structure
        arguments = ["build", "--exclude-resource-type", "unit_test"] + (["--full-refresh"] if full_refresh else [])
        if data_only:
            # Cautious: a check of a view and of something else is run.
            arguments += ["--exclude", *_STRUCTURE, "--indirect-selection", "cautious"]
        built.begin()
        models, tests = run_dbt(workspace, arguments, progress, version, check_changes_only=data_only)
        built.finish(version, structure, inputs)
        _prune(workspace)
        check_invoices(workspace)
    return BuildSummary(models, tests, full_refresh)


class _Built:
    """What the last build that ended well was made of; None where no such build has made the warehouse."""

    def __init__(self, workspace: Workspace) -> None:
        self._folder = workspace.root / ".dbt"
        self.by = self._read("built_by")  # version of the models
        whole = workspace.warehouse.is_file()
        self.structure = self._read("built_structure") if whole else None
        self.inputs = self._read("built_inputs") if whole else None

    def _read(self, name: str) -> str | None:
        path = self._folder / name
        return path.read_text("utf-8") if path.is_file() else None

    def begin(self) -> None:
        for name in ("built_structure", "built_inputs"):
            (self._folder / name).unlink(missing_ok=True)

    def forget_inputs(self) -> None:
        """The next run is not to take this build for finished."""
        (self._folder / "built_inputs").unlink(missing_ok=True)

    def finish(self, by: str | None, structure: str | None, inputs: str) -> None:
        for name, version in {"built_by": by, "built_structure": structure, "built_inputs": inputs}.items():
            if version is not None:
                write_atomically(self._folder / name, version)


# What Python computes from the built warehouse, in this order; entry points of the packages above.
RESULT_STEPS = ("forecast", "anomalies", "budgets", "recommend")


def compute_results(workspace: Workspace, progress: Callable[[str], None] = lambda _: None) -> BuildSummary:
    """Run every step that computes from the built warehouse, land what it found, and build the marts that show it.

    A step that changes nothing builds nothing. One that breaks off keeps what it found before, is named in the summary
    and tried again by the next run: what a forecast could not be made of still has to be billed.
    Raises BuildError when other models made the warehouse than those that are installed, or it lies elsewhere now.
    """
    with locked(workspace, "warehouse"):
        _require_these_models(workspace)
        ensure_result_files(workspace)
        ensure_forecast_files(workspace)
        before = results_version(workspace), vintages(workspace)
        failed = tuple(problem for name in RESULT_STEPS if (problem := _run_step(workspace, name, progress)))
        built = _Built(workspace)
        models = tests = 0
        if (results_version(workspace), vintages(workspace)) != before:
            arguments = ["build", "--select", "path:models/staging/results+", "--exclude-resource-type", "unit_test"]
            built.begin()
            models, tests = run_dbt(workspace, arguments, progress)
            built.finish(built.by, built.structure, inputs_version(workspace))
        if failed:
            built.forget_inputs()
    return BuildSummary(models, tests, False, failed)


def _require_these_models(workspace: Workspace) -> None:
    built = _Built(workspace)
    if built.by != models_version(workspace) or built.structure != structure_version(workspace):
        raise BuildError(
            str(workspace.warehouse),
            "was built by other models, for another place or for other columns than there are now",
            "Nothing was computed; published marts are untouched",
            "Run `finops build` first",
        )


def _run_step(workspace: Workspace, name: str, progress: Callable[[str], None]) -> ResultError | None:
    step = find_step(name)
    try:
        progress(step(workspace))
    except Exception as problem:  # whatever it is, it must not keep the bills from being published
        what = problem.what if isinstance(problem, FinopsError) else f"broke off ({type(problem).__name__}: {problem})"
        fix = problem.fix if isinstance(problem, FinopsError) else "If the next run says so again, report this message"
        failure = ResultError(name, what, "What it found before stays, and costs are published without it", fix)
        progress(f"failed     {failure}")
        return failure
    return None


def _run_daily_totals(small: Workspace, version: str) -> None:
    register_deliveries(small)
    run_dbt(
        small,
        ["build", "--select", f"+{DAILY_TOTALS}", "--exclude-resource-type", "test", "unit_test"],
        version=version,
    )


def _prune(workspace: Workspace) -> None:
    known = Comparisons(workspace.warehouse)
    waiting = {
        delivery_version(kept.delivery)
        for chain in chains(workspace).values()
        if CONTRACTS[chain[-1].delivery.dataset].is_bill
        for pair in zip(chain, chain[1:], strict=False)
        if known.is_pending(pair[0].delivery, pair[1].delivery)
        for kept in pair
    }
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        prune_history(
            workspace,
            lambda delivery: None if delivery_version(delivery) in waiting else daily_totals(con, delivery),
            datetime.now(UTC).replace(tzinfo=None),
        )


def register_deliveries(workspace: Workspace) -> None:
    """Write what lies in landing as two small tables, so that dbt reads landing only."""
    ensure_contract_files(workspace)
    register_usage(workspace)
    ensure_result_files(workspace)
    ensure_forecast_files(workspace)
    register_books(workspace)
    sources = {source.name: source for source in workspace.sources}
    deliveries = [d for d in landed_deliveries(workspace) if d.source in sources and CONTRACTS[d.dataset].is_bill]
    folder = workspace.landing / "register"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "delivery_id": d.delivery_id,
            "source": d.source,
            "provider": sources[d.source].provider,
            "dataset": d.dataset,
            "billing_period": d.billing_period,
            "row_count": d.rows,
            "has_amortized": {"actual", "amortized"} <= {total.dataset for total in d.totals},
        }
        for d in deliveries
    ]
    schema = pa.schema(
        {
            "delivery_id": pa.string(),
            "source": pa.string(),
            "provider": pa.string(),
            "dataset": pa.string(),
            "billing_period": pa.string(),
            "row_count": pa.int64(),
            "has_amortized": pa.bool_(),
        }
    )
    _write(folder / "deliveries.parquet", pa.Table.from_pylist(rows, schema))
    totals = [
        {
            "delivery_id": d.delivery_id,
            "source": d.source,
            "billing_period": d.billing_period,
            "part": t.dataset,
            "currency": t.currency,
            "metric": t.metric,
            "is_billed": t.metric in (*contract.billed_metrics, *contract.net_metrics)
            and not (row["has_amortized"] and t.dataset == "amortized"),
            "cost_columns": contract.cost_columns(t.metric),
            "source_total": t.source_rounded,
            "rounding_total": t.rounding,
            "landed_total": t.landed,
        }
        for d, row in zip(deliveries, rows, strict=True)
        for t in d.totals
        for contract in [CONTRACTS[d.dataset]]
    ]
    # What rounding took has 25 decimals; a month in rupiah may have 26 digits before the point.
    schema = pa.schema(
        {
            "delivery_id": pa.string(),
            "source": pa.string(),
            "billing_period": pa.string(),
            "part": pa.string(),
            "currency": pa.string(),
            "metric": pa.string(),
            "is_billed": pa.bool_(),
            "cost_columns": pa.string(),
            "source_total": pa.decimal128(38, 12),
            "rounding_total": pa.decimal128(38, 25),
            "landed_total": pa.decimal128(38, 12),
        }
    )
    _write(folder / "control_totals.parquet", pa.Table.from_pylist(totals, schema))


def _write(path: Path, table: pa.Table) -> None:
    temporary = path.with_name(f".{path.name}")
    pq.write_table(table, temporary)
    temporary.replace(path)
