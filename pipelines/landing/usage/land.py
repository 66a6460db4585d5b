"""Land signals: files of an export, or what the provider's API shows today. A day of a table is replaced as a whole.

A source that fails keeps its previous days and the others go on. What could not be looked at is landed as such
(table `collection`), so that the rules know a gap from an absence.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.errors import BadExportError, FinopsError, SettingsError
from pipelines.landing.deliveries import locked, write_atomically
from pipelines.landing.stores import TableStore, open_store
from pipelines.landing.usage.aws_api import AwsSession, collect
from pipelines.landing.usage.files import days_in, read_days, tables_of
from pipelines.landing.usage.tables import SCHEMAS, partition, usage_days, write_partition
from pipelines.settings import SignalSource, Workspace


@dataclass(frozen=True)
class UsageResult:
    """What became of one source of signals."""

    source: str
    outcome: str  # landed | unchanged | failed
    days: int  # that were landed; of an unchanged source all that have landed
    rows: int
    gaps: int  # places that could not be looked at
    error: FinopsError | None = None


def land_usage(
    workspace: Workspace,
    names: list[str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    today: date | None = None,
    sessions: Callable[[SignalSource], AwsSession] = AwsSession,
) -> list[UsageResult]:
    """Land the signals of the named sources (all when none are named); a failed one is a result, not an exception."""
    results = []
    for source in _chosen(workspace, names):
        try:
            with locked(workspace, f"usage-{source.name}"):
                result = (
                    _land_files(workspace, source)
                    if source.uri
                    else _land_api(workspace, source, today or datetime.now(UTC).date(), sessions(source))
                )
        except FinopsError as problem:
            result = UsageResult(source.name, "failed", 0, 0, 0, problem)
        results.append(result)
        gaps = f", {result.gaps} places could not be looked at" if result.gaps else ""
        progress(f"{result.outcome:<10} {result.source}  {result.days} days, {result.rows:,} rows{gaps}")
        if result.error:
            progress(f"           {result.error}")
    return results


def _chosen(workspace: Workspace, names: list[str] | None) -> list[SignalSource]:
    known = {source.name: source for source in workspace.settings.signals}
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise SettingsError(
            str(workspace.root / "finops.toml"),
            f"no signals named {', '.join(unknown)}; known: {', '.join(known) or 'none'}",
        )
    return [known[name] for name in names or known]


def _land_files(workspace: Workspace, source: SignalSource) -> UsageResult:
    """New and changed files only: a table is read again when any of its files changed."""
    store = open_store(str(source.uri), workspace.root)
    if isinstance(store, TableStore):
        raise BadExportError(str(source.uri), "is a table; signals come from files", fix="Export it to a bucket first")
    memory = workspace.landing / "usage" / f".{source.name}.json"
    seen = _seen(memory)
    scratch = workspace.scratch / f"usage-{source.name}"
    days, rows, changed = set(), 0, False
    found = tables_of(store.list())
    if not found:
        folders = ", ".join(SCHEMAS)
        raise BadExportError(str(source.uri), "holds no file of signals", fix=f"Put files into folders named {folders}")
    gaps = 0
    try:
        for table, files in found.items():
            version = {file.key: file.etag for file in files}
            if seen.get(table) == version:
                continue
            read = read_days(store, table, files, scratch, source.name, source.provider)
            for day in days_in(read):
                write_partition(workspace, table, source.name, day, read.filter(pc.equal(read["day"], day)))
                days.add(day)
            rows, changed, seen[table] = rows + len(read), True, version
            if table == "collection":
                gaps = pc.sum(pc.not_equal(read["status"], "ok")).as_py() or 0
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if not changed:
        return _unchanged(workspace, source.name)
    write_atomically(memory, json.dumps(seen))
    return UsageResult(source.name, "landed", len(days), rows, gaps)


def _unchanged(workspace: Workspace, source: str) -> UsageResult:
    """What has landed of a source before, and still holds."""
    landed = [(table, day) for table, name, day, _ in usage_days(workspace) if name == source]
    rows = sum(pq.read_metadata(partition(workspace, table, source, day)).num_rows for table, day in landed)
    return UsageResult(source, "unchanged", len({day for _, day in landed}), rows, 0)


def _seen(memory: Any) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content


def _land_api(workspace: Workspace, source: SignalSource, today: date, session: AwsSession) -> UsageResult:
    tables = collect(session, source, today)
    rows = 0
    days = set()
    for table, found in tables.items():
        by_day: dict[date, list[dict[str, Any]]] = {}
        for row in found:
            by_day.setdefault(row["day"], []).append(row)
        for day, of_day in by_day.items():
            schema = SCHEMAS[table]
            columns = {field.name: [row.get(field.name) for row in of_day] for field in schema}
            rows_of_day = pa.table(columns, schema=schema)
            if table == "metrics":
                rows_of_day = _with_earlier(workspace, source.name, day, rows_of_day)
            write_partition(workspace, table, source.name, day, rows_of_day)
            rows += len(of_day)
            days.add(day)
    gaps = sum(row["status"] != "ok" for row in tables["collection"])
    if not any(row["status"] == "ok" for row in tables["collection"]):
        first = tables["collection"][0] if tables["collection"] else {"reason": "no account, no region"}
        raise BadExportError(
            source.name, f"nothing could be looked at: {first['reason']}", "The previous days stay", "Check credentials"
        )
    return UsageResult(source.name, "landed", len(days), rows, gaps)


def _with_earlier(workspace: Workspace, source: str, day: date, rows: pa.Table) -> pa.Table:
    """`rows`, and what earlier collections of that day knew of other resources: who refuses now did not always."""
    path = partition(workspace, "metrics", source, day)
    if not path.is_file():
        return rows
    earlier = pq.read_table(path)
    known = pc.is_in(earlier["resource_id"], value_set=rows["resource_id"].combine_chunks().unique())
    return pa.concat_tables([rows, earlier.filter(pc.invert(known))])
