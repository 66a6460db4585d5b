"""Where a delivery came from: its files with their rows, its columns as the source writes them, when it was written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.landing.casts import quoted
from pipelines.landing.contracts import Contract
from pipelines.landing.found import Part
from pipelines.landing.reading import SourceTable
from pipelines.landing.stores import SourceFile


def source_files(
    con: duckdb.DuckDBPyConnection,
    parts: Iterable[Part],
    paths: dict[tuple[str, str], Path],
    hashes: dict[tuple[str, str], str],
    data: Path,
) -> list[dict[str, Any]]:
    """The files of a delivery, each with its identity and the rows of it that landed.

    `first_row` and `last_row` count the rows of the file from 1, without its header; a zip's members count together.
    """
    landed = con.execute(
        "select x_dataset, x_source_file, count(*), min(x_source_row), max(x_source_row) "
        f"from read_parquet({quoted(str(data))}) group by all"
    ).fetchall()
    files = []
    for part in parts:
        for file in part.files:
            own = [
                row
                for row in landed
                if (row[0] or "") == part.dataset and (row[1] == file.key or row[1].startswith(f"{file.key}!"))
            ]
            files.append(
                {
                    "uri": part.store.uri,
                    "key": file.key,
                    "dataset": part.dataset,
                    "etag": file.etag,
                    "size": paths[part.store.uri, file.key].stat().st_size,
                    "modified": _iso(file.modified),
                    "sha256": hashes[part.store.uri, file.key],
                    "rows": sum(row[2] for row in own),
                    "first_row": min((row[3] for row in own), default=None),
                    "last_row": max((row[4] for row in own), default=None),
                }
            )
    return sorted(files, key=lambda file: (file["dataset"], file["uri"], file["key"]))


def source_columns(tables: Iterable[SourceTable], contract: Contract) -> list[dict[str, Any]]:
    """The columns of a delivery's files by canonical name; files that differ in a column's type give `a|b`.

    Fields of nested columns are columns of their own (`project.id`). `is_contract` marks those that the ledger reads.
    """
    read = set(contract.columns) | set(contract.paths.values())
    found: dict[str, tuple[str, set[str]]] = {}
    for table in tables:
        for name, column in table.columns.items():
            original, types = found.setdefault(name, (column.original or name, set()))
            types.add(column.type)
    return [
        {"name": name, "original": original, "type": "|".join(sorted(types)), "is_contract": name in read}
        for name, (original, types) in sorted(found.items())
    ]


def delivered_at(files: Iterable[SourceFile]) -> str:
    """When the newest file was written at the source (ISO 8601, UTC); empty without files."""
    newest = max((file.modified for file in files), default=None)
    return "" if newest is None else _iso(newest)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
