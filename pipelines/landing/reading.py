"""One source file as a relation: its header read by Python, its columns named canonically, its rows streamed by DuckDB.

DuckDB never guesses here (delimiter, types, dates and names are all given), because its guesses were seen to turn
01/02 into 2 February, to drop leading zeros, and to take a ragged file for one column.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import duckdb

from pipelines.errors import BadExportError
from pipelines.landing.casts import identifier, quoted
from pipelines.landing.contracts import Contract
from pipelines.landing.hashing import room_for
from pipelines.landing.names import canonical_names
from pipelines.landing.parquet import write_parquet

_CHUNK = 1 << 20
_AGAIN = "Deliver the file again, then rerun"


@dataclass(frozen=True)
class Column:
    expr: str  # SQL that yields the value
    type: str  # DuckDB type id, lower case: varchar, double, decimal, timestamp, map, struct, list, …
    original: str = ""  # the provider's own spelling


@dataclass(frozen=True)
class SourceTable:
    """One file as Parquet, its columns by canonical name. Text files were turned into Parquet of text first."""

    label: str
    path: Path
    columns: dict[str, Column]

    def column(self, contract: Contract, name: str) -> Column | None:
        found = self.columns.get(name)
        if found or name not in contract.paths:
            return found
        return _nested(self.columns, contract.paths[name])


def file_kind(key: str) -> str | None:
    """parquet, csv or json by the name's ending; None for files that hold no charges (sql, manifests, status)."""
    name = PurePosixPath(key).name.lower()
    if name.endswith("manifest.json") or name.startswith((".", "_")):
        return None
    for kind, endings in {
        "parquet": (".parquet",),
        "csv": (".csv", ".csv.gz", ".csv.zip", ".zip"),
        "json": (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz"),
    }.items():
        if name.endswith(endings):
            return kind
    return None


def open_source_tables(
    con: duckdb.DuckDBPyConnection, path: Path, label: str, dataset: str, scratch: Path
) -> list[SourceTable]:
    """The tables in one file (one, but for a zip of several CSVs). `label` names the file in errors."""
    kind = file_kind(label)
    if kind == "csv" and label.lower().endswith(".zip"):
        members = _unzip(path, label, scratch)
        return [_csv_table(con, member, f"{label}!{member.name}", dataset, scratch) for member in members]
    if kind == "csv":
        return [_csv_table(con, path, label, dataset, scratch)]
    if kind == "parquet":
        return [_parquet_table(con, path, label, dataset)]
    if kind == "json":
        return [_json_table(con, path, label, dataset, scratch)]
    raise BadExportError(label, "is not a .csv, .csv.gz, .zip, .parquet or .json file")


def _unzip(path: Path, label: str, scratch: Path) -> list[Path]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and m.filename.lower().endswith(".csv")]
            if not members:
                raise BadExportError(label, "holds no .csv file", fix=_AGAIN)
            for member in members:
                if member.filename.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", member.filename):
                    raise BadExportError(
                        label, f"holds a file that leaves its folder: {member.filename}", "It was not unpacked", _AGAIN
                    )
            if sum(m.file_size for m in members) > room_for(path.stat().st_size):
                raise BadExportError(label, "unpacks to a suspicious size", "It was not unpacked", _AGAIN)
            unpacked = []
            for number, member in enumerate(members):
                target = scratch / f"{path.name}-{number}" / PurePosixPath(member.filename).name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as copy:
                    while chunk := source.read(_CHUNK):
                        copy.write(chunk)
                unpacked.append(target)
            return unpacked
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as problem:
        raise BadExportError(
            label, f"is not a sound zip file ({problem})", fix="Deliver it again, then rerun"
        ) from None


def _csv_table(con: duckdb.DuckDBPyConnection, path: Path, label: str, dataset: str, scratch: Path) -> SourceTable:
    path = _as_utf8(path, label, scratch)
    header, delimiter = _csv_header(path, label)
    names = canonical_names(header, dataset)
    types = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in names)
    from_sql = (
        f"read_csv({quoted(str(path))}, auto_detect=false, header=true, delim={quoted(delimiter)}, quote='\"', "
        f"escape='\"', strict_mode=true, max_line_size=2000000, buffer_size=8000000, columns={{{types}}}, nullstr='', "
        f"hive_partitioning=false)"  # a folder's invoice_month= must not overwrite the rows' own
    )
    raw = _as_parquet(con, from_sql, label, scratch)
    columns = {
        name: Column(identifier(name), "varchar", original) for name, original in zip(names, header, strict=True)
    }
    # Some Azure files carry a second byte-order mark in front of the first row's first value.
    columns[names[0]] = Column(f"ltrim({identifier(names[0])}, chr(65279))", "varchar", header[0])
    return SourceTable(label, raw, columns)


def _as_utf8(path: Path, label: str, scratch: Path) -> Path:
    """The file itself, or a UTF-8 copy of one that spreadsheets wrote as UTF-16; zero bytes are no text."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as content:  # type: ignore[operator]
            start = content.read(_CHUNK)
        if start[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            if b"\0" in start:
                what = "holds NUL bytes: it is damaged, or UTF-16 text without its byte-order mark"
                raise BadExportError(label, what, "It was not read", "Deliver it again as UTF-8 text, then rerun")
            return path
        folder = scratch / "utf8"
        folder.mkdir(parents=True, exist_ok=True)
        copy = Path(tempfile.mkdtemp(dir=folder)) / "rows.csv"
        with (
            opener(path, "rt", encoding="utf-16", newline="") as text,
            copy.open("w", encoding="utf-8", newline="") as target,
        ):  # type: ignore[operator,call-overload]
            shutil.copyfileobj(text, target, _CHUNK)
        return copy
    except UnicodeDecodeError as problem:
        raise BadExportError(label, f"is not UTF-16 text ({problem.reason})", fix=_AGAIN) from None
    except (OSError, EOFError, zlib.error) as problem:
        raise BadExportError(label, f"cannot be unpacked ({problem})", fix=_AGAIN) from None


def _as_parquet(con: duckdb.DuckDBPyConnection, from_sql: str, label: str, scratch: Path) -> Path:
    """The text file's rows as Parquet of text: read once, in order; casts, totals and checks then read columns."""
    folder = scratch / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    raw = Path(tempfile.mkdtemp(dir=folder)) / "rows.parquet"
    try:
        write_parquet(con, f"from {from_sql}", raw, "lz4_raw")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as problem:
        raise BadExportError(
            label, f"cannot be read ({_csv_problem(problem)})", fix="Mend or re-deliver it, then rerun"
        ) from None
    return raw


def _csv_problem(problem: duckdb.Error) -> str:
    """The line and the reason out of DuckDB's page of advice."""
    wanted = ("Error", "Expected Number", "Original Line", "Value with unterminated")
    lines = [line.strip() for line in str(problem).splitlines() if any(word in line for word in wanted)]
    return "; ".join(line[:160] for line in lines[:3]) or _first_line(problem)


def _csv_header(path: Path, label: str) -> tuple[list[str], str]:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="strict", newline="") as lines:  # type: ignore[operator]
            first = lines.readline()
            delimiter = max(",;\t|", key=first.count)
            lines.seek(0)
            header = next(csv.reader(lines, delimiter=delimiter), [])
    except (OSError, EOFError, zlib.error, csv.Error) as problem:
        raise BadExportError(label, f"cannot be unpacked ({problem})", fix="Deliver it again, then rerun") from None
    except UnicodeDecodeError as problem:
        what = f"is not UTF-8 text ({problem.reason} at byte {problem.start})"
        raise BadExportError(label, what, fix="Deliver it again as UTF-8 text, then rerun") from None
    if not any(name.replace("\ufeff", "").strip() for name in header):
        raise BadExportError(label, "is empty: it has no header row", fix="Deliver the file again, then rerun")
    return header, delimiter


def _parquet_table(con: duckdb.DuckDBPyConnection, path: Path, label: str, dataset: str) -> SourceTable:
    try:
        relation = con.sql(f"from read_parquet({quoted(str(path))}, hive_partitioning=false) limit 0")
    except duckdb.Error as problem:
        raise BadExportError(label, f"is not a sound Parquet file ({_first_line(problem)})", fix=_AGAIN) from None
    names = canonical_names(relation.columns, dataset)
    columns: dict[str, Column] = {}
    for original, name, kind in zip(relation.columns, names, relation.types, strict=True):
        columns[name] = Column(identifier(original), kind.id, original)
        columns |= _struct_fields(name, identifier(original), kind)
    return SourceTable(label, path, columns)


def _struct_fields(name: str, expr: str, duck_type: duckdb.sqltypes.DuckDBPyType) -> dict[str, Column]:
    """The fields of a STRUCT as `name.field` columns, to any depth."""
    if duck_type.id != "struct":
        return {}
    fields: dict[str, Column] = {}
    for child, child_type in duck_type.children:
        child_expr = f"{expr}.{identifier(child)}"
        fields[f"{name}.{child}"] = Column(child_expr, child_type.id)
        fields |= _struct_fields(f"{name}.{child}", child_expr, child_type)
    return fields


def _json_table(con: duckdb.DuckDBPyConnection, path: Path, label: str, dataset: str, scratch: Path) -> SourceTable:
    _require_an_end(path, label)
    source = f"{quoted(str(path))}, maximum_object_size=67108864, hive_partitioning=false"
    try:
        described = con.sql(f"from read_json({source}, format='auto', sample_size=-1, maximum_depth=1) limit 0")
    except duckdb.Error as problem:
        raise BadExportError(label, f"cannot be read as JSON ({_first_line(problem)})", fix=_AGAIN) from None
    if described.columns == ["json"]:
        raise BadExportError(label, "holds no JSON objects", fix="Give one JSON object per row")
    types = ", ".join(f"{identifier(name)}: 'JSON'" for name in described.columns)
    raw = _as_parquet(con, f"read_json({source}, format='auto', columns={{{types}}})", label, scratch)
    names = canonical_names(described.columns, dataset)
    columns = {
        name: Column(identifier(original), "json", original)
        for original, name in zip(described.columns, names, strict=True)
    }
    return SourceTable(label, raw, columns)


def _require_an_end(path: Path, label: str) -> None:
    """DuckDB takes what it finds of an array that was cut off; its last bracket shows that nothing is missing."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    first, last = b"", b""
    try:
        with opener(path, "rb") as content:  # type: ignore[operator]
            while chunk := content.read(_CHUNK):
                first = first or chunk.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
                last = chunk.rstrip()[-1:] or last
    except (OSError, EOFError, zlib.error) as problem:
        raise BadExportError(label, f"cannot be unpacked ({problem})", fix=_AGAIN) from None
    if last != {b"[": b"]", b"{": b"}"}.get(first):
        raise BadExportError(label, "is not whole JSON: its last bracket is missing", fix=_AGAIN)


def _nested(columns: dict[str, Column], path: str) -> Column | None:
    """The value at a dotted path: a struct field, or a path into a JSON column."""
    if path in columns:
        found = columns[path]
        return Column(f"({found.expr} ->> '$')", "varchar") if found.type == "json" else found
    head, _, rest = path.partition(".")
    parent = columns.get(head)
    if not rest or parent is None or parent.type != "json":
        return None
    return Column(f"({parent.expr} ->> {quoted('$.' + rest)})", "varchar")


def _first_line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0]
