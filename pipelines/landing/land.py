"""Land what is new: find each source's newest deliveries, read the changed ones, pass the gate, replace by rename.

One source failing never stops another; what could not be landed is reported and its previous delivery stays.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from pipelines.errors import BadExportError, ExportError, FinopsError
from pipelines.landing.casts import connect, identifier, quoted
from pipelines.landing.contracts import CONTRACTS, Contract, landed_types
from pipelines.landing.deliveries import ControlTotal, Delivery, Partition, locked, write_atomically
from pipelines.landing.discovery import find_deliveries
from pipelines.landing.found import Found
from pipelines.landing.hashing import Hashes
from pipelines.landing.landed_table import Table, open_table
from pipelines.landing.names import same_name
from pipelines.landing.parquet import write_parquet
from pipelines.landing.provenance import delivered_at, source_columns, source_files
from pipelines.landing.reading import SourceTable, open_source_tables
from pipelines.landing.stores import SourceFile, Store, TableStore, open_store
from pipelines.settings import Source, Workspace, is_period, periods_in
from pipelines.steps import find_step

Progress = Callable[[str], None]
# Part of every delivery id: a change in how files are read is a new version of the delivery.
_READING_VERSION = "6"


@dataclass(frozen=True)
class Landed:
    """What happened to one (source, billing period)."""

    source: str
    billing_period: str
    outcome: str  # landed | restated | unchanged | failed
    rows: int = 0
    error: FinopsError | None = None


@dataclass
class LandingReport:
    results: list[Landed] = field(default_factory=list)

    @property
    def changed(self) -> list[Landed]:
        return [result for result in self.results if result.outcome in ("landed", "restated")]

    @property
    def failed(self) -> list[Landed]:
        return [result for result in self.results if result.outcome == "failed"]


def land(
    workspace: Workspace,
    names: list[str] | None = None,
    period: str | None = None,
    progress: Progress = lambda _: None,
) -> LandingReport:
    """Land new and changed deliveries of the named sources (all by default).

    `period` narrows it to one billing period (2026-10) or a range of them (2026-01..2026-06).
    """
    with locked(workspace, "contract"):  # parallel tasks of a first landing write the same files
        ensure_contract_files(workspace)
    report = LandingReport()
    for source in workspace.chosen_sources(names):
        with locked(workspace, f"land-{source.name}"):
            report.results += _land_source(workspace, source, period, progress)
    return report


def _land_source(workspace: Workspace, source: Source, period: str | None, progress: Progress) -> list[Landed]:
    """Land one source; the caller holds its lock, so what lies in its scratch folder is left from a killed run."""
    scratch = workspace.scratch / "landing" / source.name
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        return _land_with(workspace, source, period, progress, scratch)
    except Exception as problem:
        failed = Landed(source.name, period or "", "failed", error=_as_finops_error(source.name, problem))
        progress(f"failed     {source.name}  {failed.error}")
        return [failed]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _land_with(
    workspace: Workspace, source: Source, period: str | None, progress: Progress, scratch: Path
) -> list[Landed]:
    settings = workspace.settings.build
    results = []
    missing = set(periods_in(period)) if period else set()
    wanted = frozenset(missing)
    with (
        connect(settings.memory_limit, settings.threads, str(scratch / "spill")) as con,
        Hashes(damaged=con.interrupt) as hashes,
    ):
        reader = _Reader(workspace, source, con, hashes, scratch)
        for one in reader.find():
            missing.discard(one.period)
            if period and one.period not in wanted:
                continue
            result = reader.land(one)
            results.append(result)
            if result.outcome != "unchanged":
                detail = str(result.error) if result.error else f"{result.rows:>10,} rows"
                progress(f"{result.outcome:<10} {source.name}  {one.period}  {detail}")
    unchanged = sorted(result.billing_period for result in results if result.outcome == "unchanged")
    if unchanged:
        progress(f"unchanged  {source.name}  {_span(unchanged)}")
    if missing:
        absent = ExportError(
            f"{source.name} {period}",
            f"the export has no such month ({', '.join(sorted(missing))})",
            fix="Deliver what is missing, or ask for other months",
        )
        progress(f"failed     {absent}")
        results.append(Landed(source.name, period or "", "failed", error=absent))
    return results


def _span(periods: list[str]) -> str:
    if len(periods) == 1:
        return periods[0]
    return f"{periods[0]} to {periods[-1]}, {len(periods)} months"


def _as_finops_error(where: str, problem: Exception) -> FinopsError:
    """What stops one source or month is that one's failure alone, whatever it is: the others go on."""
    if isinstance(problem, FinopsError):
        return problem
    done = "The previous delivery stays"
    if isinstance(problem, OSError):
        place = f"{where}: {problem.filename}" if problem.filename else where
        fix = "Check the file's permissions and the disk's free space, then rerun"
        return ExportError(place, f"cannot be read or written ({problem.strerror or problem})", done, fix)
    first = str(problem).strip().splitlines()[:1]
    what = f"cannot be landed ({type(problem).__name__}: {' '.join(first)})"
    return ExportError(where, what, done, "Check this export's files; if they are sound, report this message")


class _Reader:
    """Reads one source's files into landed shape; lives as long as one `land` of that source."""

    def __init__(
        self, workspace: Workspace, source: Source, con: duckdb.DuckDBPyConnection, hashes: Hashes, scratch: Path
    ) -> None:
        self.workspace = workspace
        self.source = source
        self.contract: Contract = CONTRACTS[source.dataset]
        self.con = con
        self.hashes = hashes
        self.scratch = scratch
        self._opened: dict[tuple[str, int], list[SourceTable]] = {}
        self._peeked_path = workspace.landing / source.dataset / f"source={source.name}" / "peeked.json"
        self._peeked: dict[str, Any] = _load_json(self._peeked_path)
        self.stores = {role: open_store(uri, workspace.root, self._peeked) for role, uri in source.uris.items()}

    def find(self) -> list[Found]:
        found = find_deliveries(self.source.format, self.stores, self._periods_of, self.source.name)
        if self._peeked:
            write_atomically(self._peeked_path, json.dumps(self._peeked, indent=1, sort_keys=True))
        return found

    def _periods_of(self, store: Store, files: list[SourceFile]) -> dict[str, tuple[str, str] | None]:
        """The periods that the rows of undeclared files state, each with its first and last day of charge.

        Remembered, so that no file is read twice for it.
        """
        days: dict[str, list[str]] = {}
        for file in files:
            key = f"{_READING_VERSION}|days|{store.uri}|{file.key}|{file.etag}"
            if key not in self._peeked:
                path = store.fetch(file, self.scratch / "peek")
                sources: list[tuple[dict[str, str], SourceTable]]
                sources = [({}, table) for table in self._open(path, file.key)]
                table = open_table(self.con, sources, self.contract, self.source.currency)
                day = table.day_sql()
                rows = self._run(
                    f"select {table.period_sql()}, min({day}), max({day}) from ({table.sql}) group by 1",
                    table,
                    file.key,
                )
                if any(period is None for period, *_ in rows):
                    raise BadExportError(
                        f"{self.source.name}: {file.key}",
                        "has rows that state no billing period",
                        fix="Deliver it again with its dates, then rerun",
                    )
                no_month = sorted(period for period, *_ in rows if not is_period(period))
                if no_month:
                    raise BadExportError(
                        f"{self.source.name}: {file.key}",
                        f"column {self.contract.period}: '{no_month[0]}' is not a billing period",
                        "Nothing of the file was landed",
                        "Mend or re-deliver the file, then rerun",
                    )
                self._peeked[key] = {period: [first, last] for period, first, last in sorted(rows)}
            for period, span in self._peeked[key].items():
                days.setdefault(period, []).extend(day for day in span if day)
        return {period: (min(own), max(own)) if own else None for period, own in sorted(days.items())}

    def _open(self, path: Path, label: str) -> list[SourceTable]:
        """The tables in a file; text is converted once, also when a file is first peeked into and then landed."""
        key = (label, path.stat().st_mtime_ns)
        if key not in self._opened:
            find_step("gate_ready")()
            content = self.hashes.of(path, f"{self.source.name}: {label}")
            try:
                self._opened[key] = open_source_tables(self.con, path, label, self.contract.dataset, self.scratch)
            except BadExportError:
                content.result()  # what is wrong with the archive says more than what is wrong with its rows
                raise
            for table in self._opened[key]:
                self._require_columns(table)
        return self._opened[key]

    def _require_columns(self, table: SourceTable) -> None:
        missing = [
            name
            for name in self.contract.required
            if table.column(self.contract, name) is None
            and not (name == self.contract.currency and self.source.currency)
        ]
        missing += [
            " or ".join(group)
            for group in self.contract.needs
            if not any(table.column(self.contract, name) for name in group)
        ]
        twice = [
            column.original
            for name in (*self.contract.required, *self.contract.cost_metrics, self.contract.period)
            if (column := table.columns.get(f"{name}__2")) and same_name(column.original, table.columns[name].original)
        ]
        if twice:
            raise BadExportError(
                f"{self.source.name}: {table.label}",
                f"has the column {twice[0]} twice",
                "The file was not landed; the previous delivery stays",
                "Have it exported with one column of that name",
            )
        if missing:
            raise BadExportError(
                f"{self.source.name}: {table.label}",
                f"misses the column(s) {', '.join(missing)} that a '{self.source.format}' export has",
                "The file was not landed; the previous delivery stays",
                f"Check the export's settings, or `format` of {self.source.name} in finops.toml",
            )

    def land(self, found: Found) -> Landed:
        try:
            return self._land(found)
        except Exception as problem:
            error = _as_finops_error(f"{self.source.name} {found.period}", problem)
            return Landed(self.source.name, found.period, "failed", error=error)

    def _land(self, found: Found) -> Landed:
        name, period = self.source.name, found.period
        if found.problem:
            raise found.problem
        partition = Partition(self.workspace, self.source.dataset, name, period)
        before = partition.current()
        fingerprint = self._fingerprint(found)
        if before and before.fingerprint == fingerprint:
            return Landed(name, period, "unchanged", before.rows)
        scratch = self.scratch / period
        shutil.rmtree(scratch, ignore_errors=True)
        paths = {
            (part.store.uri, file.key): part.store.fetch(file, scratch / "files" / str(number))
            for number, part in enumerate(found.parts)
            for file in part.files
        }
        if not (before and _sizes(before.files) == sorted(path.stat().st_size for path in paths.values())):
            for (_, label), path in paths.items():  # not what lies there already: read it while it is hashed
                self._open(path, label)
        hashes = {key: self.hashes.of(path, f"{name}: {key[1]}").result() for key, path in paths.items()}
        delivery_id = self._delivery_id(found, hashes)
        if before and before.delivery_id == delivery_id:
            partition.describe(replace(before, fingerprint=fingerprint))
            return Landed(name, period, "unchanged", before.rows)
        data = scratch / "data.parquet"
        scratch.mkdir(parents=True, exist_ok=True)
        totals = self._write(found, paths, delivery_id, data)
        for part in found.parts:  # a local file may have been rewritten while DuckDB read it
            for file in part.files:
                part.store.fetch(file, scratch / "check") if _is_local(part.store) else None
        described = self.con.execute(f"describe select * from read_parquet({quoted(str(data))})").fetchall()
        columns = [row[0] for row in described]
        tables = [
            table
            for part in found.parts
            for file in part.files
            for table in self._open(paths[part.store.uri, file.key], file.key)
        ]
        landed_at = datetime.now(UTC).isoformat(timespec="seconds")
        delivery = Delivery(
            delivery_id=delivery_id,
            source=name,
            provider=self.source.provider,
            dataset=self.source.dataset,
            billing_period=period,
            landed_at=landed_at,
            rows=self._count(data),
            fingerprint=fingerprint,
            files=source_files(self.con, found.parts, paths, hashes, data),
            manifest=found.manifest,
            schema_hash=hashlib.sha256("\n".join(columns).encode()).hexdigest()[:16],
            columns=columns,
            totals=totals,
            delivered_at=delivered_at(found.files) or landed_at,
            source_columns=source_columns(tables, self.contract),
        )
        expected = self._expected_rows(found)
        find_step("gate")(self.workspace, self.contract, delivery, data, before, expected)
        partition.replace(data, delivery)
        shutil.rmtree(scratch, ignore_errors=True)
        self._forget(found)
        return Landed(name, period, "restated" if before else "landed", delivery.rows)

    def _forget(self, found: Found) -> None:
        """Free the converted text of files that no other month needs."""
        if any(part.period_filter for part in found.parts):
            return
        labels = {file.key for file in found.files}
        for key in [key for key in self._opened if key[0] in labels]:
            for table in self._opened.pop(key):
                if table.path.is_relative_to(self.scratch):
                    table.path.unlink(missing_ok=True)

    def _fingerprint(self, found: Found) -> str:
        text = "\n".join(
            f"{part.dataset}|{part.store.uri}|{file.key}|{file.size}|{file.etag}"
            for part in found.parts
            for file in part.files
        )
        return hashlib.sha256(f"{_READING_VERSION}|{self.source.currency}|{text}".encode()).hexdigest()[:32]

    def _delivery_id(self, found: Found, hashes: dict[tuple[str, str], str]) -> str:
        """From content alone, so the same bytes give the same id wherever and whenever they are landed."""
        contents = sorted(
            f"{part.dataset}|{hashes[part.store.uri, file.key]}" for part in found.parts for file in part.files
        )
        text = "\n".join([_READING_VERSION, self.source.name, str(self.source.currency), found.period, *contents])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _expected_rows(self, found: Found) -> int | None:
        rows = [part.rows.get(file.key) for part in found.parts for file in part.files]
        known = [count for count in rows if count is not None]
        return sum(known) if known and len(known) == len(rows) else None

    def _write(
        self, found: Found, paths: dict[tuple[str, str], Path], delivery_id: str, target: Path
    ) -> list[ControlTotal]:
        """Stream the delivery's files into one Parquet file; return its control totals, read from source and target."""
        sources: list[tuple[dict[str, str], SourceTable]] = []
        for part in found.parts:
            constants = {
                "x_source": self.source.name,
                "x_billing_period": found.period,
                "x_delivery_id": delivery_id,
                "x_dataset": part.dataset,
                "x_other_periods": "yes" if part.period_filter else "no",
            }
            for file in part.files:
                path = paths[part.store.uri, file.key]
                sources += [(constants, table) for table in self._open(path, file.key)]
        if not sources:
            write_parquet(self.con, self._empty_select(), target, "zstd")
            return []
        table = open_table(self.con, sources, self.contract, self.source.currency)
        filtered = any(part.period_filter for part in found.parts)
        where = f"where x_other_periods = 'no' or {table.period_sql()} = {quoted(found.period)}" if filtered else ""
        labels = ", ".join(sorted({source.label for _, source in sources})[:3])
        try:
            write_parquet(self.con, table.landed_sql(where), target, "zstd")
        except duckdb.Error as problem:
            raise self._explained(problem, table, labels) from None
        return self._totals(self._run(table.control_sql(where), table, labels), target)

    def _empty_select(self) -> str:
        columns = ", ".join(f"cast(null as {t}) as {identifier(n)}" for n, t in landed_types(self.contract).items())
        return f"select {columns} where false"

    def _totals(self, source_rows: list[tuple[Any, ...]], target: Path) -> list[ControlTotal]:
        """Totals per dataset, currency and metric: as the source files say, and as read back from the landed file."""
        metrics = self.contract.cost_metrics
        source: dict[tuple[str, str, str], tuple[Decimal, Decimal]] = {}
        for dataset, currency, _, *sums in source_rows:
            for number, metric in enumerate(metrics):
                value, rounding = sums[2 * number : 2 * number + 2]
                if value is None and metric in self.contract.net_metrics:
                    continue  # the export has no net columns
                source[dataset, currency, metric] = (value or Decimal(0), rounding or Decimal(0))
        sums_sql = ", ".join(f"sum({metric})" for metric in metrics)
        landed: dict[tuple[str, str, str], tuple[Decimal, int]] = {}
        for dataset, currency, rows, *values in self.con.execute(
            f"select x_dataset, {self.contract.currency}, count(*), {sums_sql} "
            f"from read_parquet({quoted(str(target))}) group by all"
        ).fetchall():
            for metric, value in zip(metrics, values, strict=True):
                if (dataset, currency, metric) in source or metric not in self.contract.net_metrics:
                    landed[dataset, currency, metric] = (value or Decimal(0), rows)
        totals = []
        for key in sorted(set(source) | set(landed), key=str):
            dataset, currency, metric = key
            value, rounding = source.get(key, (Decimal(0), Decimal(0)))
            total, rows = landed.get(key, (Decimal(0), 0))
            totals.append(ControlTotal.of(currency, metric, dataset, value, rounding, total, rows))
        return totals

    def _count(self, data: Path) -> int:
        row = self.con.execute(f"select count(*) from read_parquet({quoted(str(data))})").fetchone()
        return int(row[0]) if row else 0

    def _run(self, sql: str, table: Table, label: str) -> list[tuple[Any, ...]]:
        try:
            rows: list[tuple[Any, ...]] = self.con.execute(sql).fetchall()
            return rows
        except duckdb.Error as problem:
            raise self._explained(problem, table, label) from None

    def _explained(self, problem: duckdb.Error, table: Table, label: str) -> FinopsError:
        """The error of a whole COPY, brought down to file, row, column and value where they can be found."""
        done, fix = "The previous delivery stays", "Mend or re-deliver the file, then rerun"
        if isinstance(problem, duckdb.OutOfMemoryException):
            return ExportError(
                f"{self.source.name}: {label}", "needs more memory than allowed", done, "Raise [build] memory_limit"
            )
        for name, kind in self.contract.columns.items():
            if kind in ("text", "json"):
                continue
            bad = self._first_bad_value(table, name, kind)
            if bad:
                where = f"{self.source.name}: {bad[0]}, row {bad[1]}, column {name}"
                wanted = {"ts": "a date", "credits": "a list of credits"}.get(kind, "a number that fits")
                return BadExportError(where, f"'{bad[2]}' is not {wanted}", done, fix)
        first = " ".join(line.strip() for line in str(problem).strip().splitlines()[:3])
        return BadExportError(f"{self.source.name}: {label}", f"cannot be read ({first})", done, fix)

    def _first_bad_value(self, table: Table, name: str, kind: str) -> tuple[str, int, str] | None:
        value = identifier(name)
        try:
            row = self.con.execute(
                f"select x_source_file, x_source_row, cast({value} as varchar) from ({table.sql}) "
                f"where {value} is not null and try({table.typed(name, kind)}) is null limit 1"
            ).fetchone()
        except duckdb.Error:
            return None
        return (str(row[0]), int(row[1]), str(row[2])) if row else None


def ensure_contract_files(workspace: Workspace) -> None:
    """An empty file of the right shape per dataset, so that the models see every column before any month has landed."""
    for dataset, contract in CONTRACTS.items():
        path = workspace.landing / dataset / "source=_contract" / "billing_period=_contract" / "data.parquet"
        types = landed_types(contract)
        shape = path.with_name("shape.json")
        if path.is_file() and _load_json(shape) == types:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = ", ".join(f"cast(null as {t}) as {identifier(n)}" for n, t in types.items())
        temporary = path.with_name(".data.parquet")
        duckdb.connect().execute(
            f"copy (select {columns} where false) to {quoted(str(temporary))} (format parquet, compression zstd)"
        )
        temporary.replace(path)
        write_atomically(shape, json.dumps(types))


def _sizes(files: list[dict[str, Any]]) -> list[int]:
    return sorted(file["size"] for file in files)


def _is_local(store: Store | TableStore) -> bool:
    return hasattr(store, "root")


def _load_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return content
    except (OSError, ValueError):
        return {}
