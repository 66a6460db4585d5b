"""Land what is new: find each source's newest deliveries, read the changed ones, pass the gate, replace by rename.

One source failing never stops another; what could not be landed is reported and its previous delivery stays.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from pipelines.errors import BadExportError, ExportChangedError, ExportError, FinopsError
from pipelines.landing.casts import connect
from pipelines.landing.contracts import CONTRACTS, Contract, landed_types
from pipelines.landing.deliveries import ControlTotal, Delivery, Partition, locked, write_atomically
from pipelines.landing.discovery import Found, Part, find_deliveries
from pipelines.landing.reading import (
    Relation,
    control_sql,
    identifier,
    open_relations,
    period_sql,
    quoted,
    select_sql,
    sha256_of,
    unknown_columns,
)
from pipelines.landing.stores import SourceFile, Store, open_store
from pipelines.settings import Source, Workspace
from pipelines.steps import find_step

Progress = Callable[[str], None]
# Part of every delivery id: a change in how files are read is a new version of the delivery.
_READING_VERSION = "1"


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
    """Land new and changed deliveries of the named sources (all by default), or of one billing period only."""
    ensure_contract_files(workspace)
    report = LandingReport()
    for source in workspace.chosen_sources(names):
        with locked(workspace, f"land-{source.name}"):
            report.results += _land_source(workspace, source, period, progress)
    return report


def _land_source(workspace: Workspace, source: Source, period: str | None, progress: Progress) -> list[Landed]:
    workspace.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workspace.scratch, prefix=f"land-{source.name}-") as folder:
        scratch = Path(folder)
        con = connect(workspace.settings.build.memory_limit, workspace.settings.build.threads, str(scratch / "spill"))
        reader = _Reader(workspace, source, con, scratch)
        try:
            found = reader.find()
        except FinopsError as problem:
            progress(f"failed     {source.name}  {problem}")
            return [Landed(source.name, period or "", "failed", error=problem)]
        results = []
        for one in found:
            if period and one.period != period:
                continue
            result = reader.land(one)
            results.append(result)
            detail = str(result.error) if result.error else f"{result.rows:>10,} rows"
            progress(f"{result.outcome:<10} {source.name}  {one.period}  {detail}")
        if period and not results:
            problem = ExportError(f"{source.name} {period}", "the export has no such month")
            progress(f"failed     {problem}")
            results.append(Landed(source.name, period, "failed", error=problem))
        return results


class _Reader:
    """Reads one source's files into landed shape; lives as long as one `land` of that source."""

    def __init__(self, workspace: Workspace, source: Source, con: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        self.workspace = workspace
        self.source = source
        self.contract: Contract = CONTRACTS[source.dataset]
        self.con = con
        self.scratch = scratch
        self.stores = {role: open_store(uri, workspace.root) for role, uri in source.uris.items()}
        self._peeked_path = workspace.landing / source.dataset / f"source={source.name}" / "peeked.json"
        self._peeked: dict[str, list[str]] = _load_json(self._peeked_path)

    def find(self) -> list[Found]:
        found = find_deliveries(self.source.format, self.stores, self._periods_of, self.source.name)
        if self._peeked:
            write_atomically(self._peeked_path, json.dumps(self._peeked, indent=1, sort_keys=True))
        return found

    def _periods_of(self, store: Store, files: list[SourceFile]) -> list[str]:
        """The periods that the rows of undeclared files state; remembered, so that no file is read twice for it."""
        periods: set[str] = set()
        for file in files:
            key = f"{store.uri}|{file.key}|{file.etag}"
            if key not in self._peeked:
                path = store.fetch(file, self.scratch / "peek")
                relations = self._relations(path, file.key)
                self._peeked[key] = sorted(
                    {
                        period
                        for relation in relations
                        for (period,) in self._run(
                            f"select distinct {period_sql(relation, self.contract)} from {relation.from_sql}", relation
                        )
                        if period
                    }
                )
            periods.update(self._peeked[key])
        return sorted(periods)

    def _relations(self, path: Path, label: str) -> list[Relation]:
        relations = open_relations(self.con, path, label, self.contract.dataset, self.scratch)
        for relation in relations:
            self._require_columns(relation)
        return relations

    def _require_columns(self, relation: Relation) -> None:
        missing = [
            name
            for name in self.contract.required
            if relation.column(self.contract, name) is None
            and not (name == self.contract.currency and self.source.currency)
        ]
        missing += [
            " or ".join(group)
            for group in self.contract.needs
            if not any(relation.column(self.contract, name) for name in group)
        ]
        if missing:
            raise BadExportError(
                f"{self.source.name}: {relation.label}",
                f"misses the column(s) {', '.join(missing)} that a '{self.source.format}' export has",
                "The file was not landed; the previous delivery stays",
                f"Check the export's settings, or `format` of {self.source.name} in finops.toml",
            )

    def land(self, found: Found) -> Landed:
        try:
            return self._land(found)
        except ExportChangedError as problem:
            return Landed(self.source.name, found.period, "failed", error=problem)
        except FinopsError as problem:
            return Landed(self.source.name, found.period, "failed", error=problem)

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
        hashes = {key: sha256_of(path, f"{name}: {key[1]}") for key, path in paths.items()}
        delivery_id = self._delivery_id(found, hashes)
        if before and before.delivery_id == delivery_id:
            partition.describe(_replaced(before, fingerprint=fingerprint))
            return Landed(name, period, "unchanged", before.rows)
        data = scratch / "data.parquet"
        scratch.mkdir(parents=True, exist_ok=True)
        totals, relations = self._write(found, paths, delivery_id, data)
        for part in found.parts:  # a local file may have been rewritten while DuckDB read it
            for file in part.files:
                part.store.fetch(file, scratch / "check") if _is_local(part.store) else None
        columns = [row[0] for row in self.con.execute(f"describe select * from read_parquet({quoted(str(data))})").fetchall()]
        delivery = Delivery(
            delivery_id=delivery_id,
            source=name,
            provider=self.source.provider,
            dataset=self.source.dataset,
            billing_period=period,
            landed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            rows=self._count(data),
            fingerprint=fingerprint,
            files=[
                {"uri": uri, "key": key, "sha256": digest, "rows": None} for (uri, key), digest in sorted(hashes.items())
            ],
            manifest=found.manifest,
            schema_hash=hashlib.sha256("\n".join(columns).encode()).hexdigest()[:16],
            columns=columns,
            totals=totals,
        )
        expected = self._expected_rows(found)
        find_step("gate")(self.workspace, self.contract, delivery, data, before, expected)
        partition.replace(data, delivery)
        shutil.rmtree(scratch, ignore_errors=True)
        del relations
        return Landed(name, period, "restated" if before else "landed", delivery.rows)

    def _fingerprint(self, found: Found) -> str:
        text = "\n".join(
            f"{part.dataset}|{part.store.uri}|{file.key}|{file.size}|{file.etag}" for part in found.parts for file in part.files
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
    ) -> tuple[list[ControlTotal], list[Relation]]:
        """Stream the delivery's files into one Parquet file; return its control totals, read from source and target."""
        opened: list[tuple[Part, Relation]] = []
        for part in found.parts:
            for file in part.files:
                for relation in self._relations(paths[part.store.uri, file.key], file.key):
                    opened.append((part, relation))
        relations = [relation for _, relation in opened]
        unknown = [name for name in unknown_columns(relations, self.contract) if name not in landed_types(self.contract)]
        selects = []
        for part, relation in opened:
            constants = {
                "x_source": self.source.name,
                "x_billing_period": found.period,
                "x_delivery_id": delivery_id,
                "x_dataset": part.dataset,
            }
            select = select_sql(relation, self.contract, unknown, constants, self.source.currency)
            selects.append(select + self._period_filter(part, relation, found.period))
        body = " union all by name ".join(selects) if selects else self._empty_select()
        copy = f"copy ({body}) to {quoted(str(target))} (format parquet, compression zstd, row_group_size 122880)"
        try:
            self.con.execute(copy)
            source = self._source_totals(opened, found.period)
        except duckdb.Error as problem:
            raise self._explained(problem, opened) from None
        return self._totals(source, target), relations

    def _period_filter(self, part: Part, relation: Relation, period: str) -> str:
        return f" where {period_sql(relation, self.contract)} = {quoted(period)}" if part.period_filter else ""

    def _empty_select(self) -> str:
        columns = ", ".join(f"cast(null as {t}) as {identifier(n)}" for n, t in landed_types(self.contract).items())
        return f"select {columns} where false"

    def _source_totals(self, opened: list[tuple[Part, Relation]], period: str) -> dict[tuple[str, str, str], list[Decimal]]:
        """(dataset, currency, metric) -> [sum of landed values, rounding, rows], from the source files."""
        totals: dict[tuple[str, str, str], list[Decimal]] = {}
        for part, relation in opened:
            where = self._period_filter(part, relation, period)
            sql = control_sql(relation, self.contract, where, self.source.currency)
            for currency, rows, *sums in self.con.execute(sql).fetchall():
                for number, metric in enumerate(self.contract.cost_metrics):
                    total = totals.setdefault((part.dataset, currency, metric), [Decimal(0), Decimal(0), Decimal(0)])
                    total[0] += sums[2 * number] or 0
                    total[1] += sums[2 * number + 1] or 0
                    total[2] += rows
        return totals

    def _totals(self, source: dict[tuple[str, str, str], list[Decimal]], target: Path) -> list[ControlTotal]:
        sums = ", ".join(f"sum({metric})" for metric in self.contract.cost_metrics)
        landed: dict[tuple[str, str, str], tuple[Decimal, int]] = {}
        for dataset, currency, rows, *values in self.con.execute(
            f"select x_dataset, {self.contract.currency}, count(*), {sums} "
            f"from read_parquet({quoted(str(target))}) group by all"
        ).fetchall():
            for metric, value in zip(self.contract.cost_metrics, values, strict=True):
                landed[dataset or "", currency, metric] = (value or Decimal(0), rows)
        totals = []
        for key in sorted(set(source) | set(landed), key=str):
            dataset, currency, metric = key
            value, rounding, _ = source.get(key, [Decimal(0), Decimal(0), Decimal(0)])
            total, rows = landed.get(key, (Decimal(0), 0))
            totals.append(ControlTotal(currency, metric, dataset, value + rounding, rounding, total, rows))
        return totals

    def _count(self, data: Path) -> int:
        row = self.con.execute(f"select count(*) from read_parquet({quoted(str(data))})").fetchone()
        return int(row[0]) if row else 0

    def _run(self, sql: str, relation: Relation) -> list[tuple[str | None, ...]]:
        try:
            return self.con.execute(sql).fetchall()
        except duckdb.Error as problem:
            raise self._explained(problem, [(Part(next(iter(self.stores.values())), "", ()), relation)]) from None

    def _explained(self, problem: duckdb.Error, opened: list[tuple[Part, Relation]]) -> FinopsError:
        """The error of a whole COPY, brought down to file, row, column and value where they can be found."""
        message = str(problem).strip()
        fix = "Mend or re-deliver the file, then rerun"
        for _, relation in opened:
            for name, kind in self.contract.columns.items():
                if kind not in ("money", "quantity", "price", "ts") or relation.column(self.contract, name) is None:
                    continue
                bad = self._first_bad_value(relation, name, kind)
                if bad:
                    where = f"{self.source.name}: {relation.label}, row {bad[0]}, column {name}"
                    wanted = "a date" if kind == "ts" else "a number"
                    return BadExportError(where, f"'{bad[1]}' is not {wanted}", "The previous delivery stays", fix)
        label = opened[0][1].label if len(opened) == 1 else ", ".join(sorted({r.label for _, r in opened})[:3])
        first = " ".join(line.strip() for line in message.splitlines()[:3])
        return BadExportError(f"{self.source.name}: {label}", f"cannot be read ({first})", "The previous delivery stays", fix)

    def _first_bad_value(self, relation: Relation, name: str, kind: str) -> tuple[int, str] | None:
        column = relation.column(self.contract, name)
        if column is None or column.type != "varchar":
            return None
        target = "timestamptz" if kind == "ts" else "double"
        value = f"filled({column.expr})"
        readable = f"try_cast({value} as {target}) is null"
        if kind == "ts":
            formats = "['%m/%d/%y', '%m/%d/%Y', '%Y-%m-%dT%H:%MZ']"
            readable += f" and try_strptime({value}, {formats}) is null"
        try:
            row = self.con.execute(
                f"select n, v from (select {relation.row_number} as n, {value} as v, {readable} as bad "
                f"from {relation.from_sql}) where v is not null and bad limit 1"
            ).fetchone()
        except duckdb.Error:
            return None
        return (int(row[0]), str(row[1])) if row else None


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


def _is_local(store: Store) -> bool:
    return hasattr(store, "root")


def _replaced(delivery: Delivery, **changes: str) -> Delivery:
    from dataclasses import replace

    return replace(delivery, **changes)  # type: ignore[arg-type]


def _load_json(path: Path) -> dict[str, list[str]]:
    try:
        content: dict[str, list[str]] = json.loads(path.read_text("utf-8"))
        return content
    except (OSError, ValueError):
        return {}
