"""One source file as a relation: its header read by Python, its columns named canonically, its rows streamed by DuckDB.

DuckDB never guesses here (delimiter, types, dates and names are all given), because its guesses were seen to turn
01/02 into 2 February, to drop leading zeros, and to take a ragged file for one column.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import duckdb

from pipelines.errors import BadExportError
from pipelines.landing.casts import cast_sql, rounding_sql
from pipelines.landing.contracts import TYPE_OF_KIND, Contract
from pipelines.landing.names import canonical_names

_CHUNK = 1 << 20
_ZIP_RATIO_LIMIT = 200  # a bill compresses about 20 times; far more is a bomb
_CREDIT_FIELDS = ("name", "full_name", "id", "type", "amount")


@dataclass(frozen=True)
class Column:
    expr: str  # SQL that yields the value
    type: str  # DuckDB type id, lower case: varchar, double, decimal, timestamp, map, struct, list, …
    original: str = ""  # the provider's own spelling


@dataclass(frozen=True)
class Relation:
    """A readable file: `columns` by canonical name, `row_number` counts from 1 within the file."""

    label: str
    from_sql: str
    row_number: str
    columns: dict[str, Column]

    def column(self, contract: Contract, name: str) -> Column | None:
        found = self.columns.get(name)
        if found or name not in contract.paths:
            return found
        return _nested(self.columns, contract.paths[name])


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


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


def sha256_of(path: Path, label: str) -> str:
    """Hash of the file; a .gz is also inflated to its end, since a cut one may still end on a whole row."""
    digest = hashlib.sha256()
    inflate = zlib.decompressobj(wbits=31) if path.name.lower().endswith(".gz") else None
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            if inflate:
                inflate = _inflate(inflate, chunk, label)
    if inflate and not inflate.eof:
        raise BadExportError(label, "the gzip file is cut short", fix="Deliver the file again, then rerun")
    return digest.hexdigest()


def _inflate(inflate: zlib._Decompress, chunk: bytes, label: str) -> zlib._Decompress:
    try:
        while chunk:
            if inflate.eof:  # a gzip file may hold several members
                if not chunk.strip(b"\0"):
                    break
                inflate = zlib.decompressobj(wbits=31)
            inflate.decompress(chunk, _CHUNK * 64)
            while inflate.unconsumed_tail:
                inflate.decompress(inflate.unconsumed_tail, _CHUNK * 64)
            chunk = inflate.unused_data
    except zlib.error as problem:
        raise BadExportError(label, f"is not a sound gzip file ({problem})", fix="Deliver it again, then rerun") from None
    return inflate


def open_relations(
    con: duckdb.DuckDBPyConnection, path: Path, label: str, dataset: str, scratch: Path
) -> list[Relation]:
    """The relations in one file (one, but for a zip of several CSVs). `label` names the file in errors."""
    kind = file_kind(label)
    if kind == "csv" and label.lower().endswith(".zip"):
        return [
            _csv_relation(member, f"{label}!{member.name}", dataset) for member in _unzip(path, label, scratch)
        ]
    if kind == "csv":
        return [_csv_relation(path, label, dataset)]
    if kind == "parquet":
        return [_parquet_relation(con, path, label, dataset)]
    if kind == "json":
        return [_json_relation(con, path, label, dataset)]
    raise BadExportError(label, "is not a .csv, .csv.gz, .zip, .parquet or .json file")


def _unzip(path: Path, label: str, scratch: Path) -> list[Path]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and m.filename.lower().endswith(".csv")]
            if not members:
                raise BadExportError(label, "holds no .csv file")
            if sum(m.file_size for m in members) > _ZIP_RATIO_LIMIT * max(path.stat().st_size, _CHUNK):
                raise BadExportError(label, "unpacks to a suspicious size", "It was not unpacked")
            unpacked = []
            for number, member in enumerate(members):
                target = scratch / f"{path.name}-{number}" / PurePosixPath(member.filename).name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as copy:
                    while chunk := source.read(_CHUNK):
                        copy.write(chunk)
                unpacked.append(target)
            return unpacked
    except (zipfile.BadZipFile, zlib.error, EOFError) as problem:
        raise BadExportError(label, f"is not a sound zip file ({problem})", fix="Deliver it again, then rerun") from None


def _csv_relation(path: Path, label: str, dataset: str) -> Relation:
    header, delimiter = _csv_header(path, label)
    names = canonical_names(header, dataset)
    columns = {
        name: Column(identifier(name), "varchar", original) for name, original in zip(names, header, strict=True)
    }
    # Some Azure files carry a second byte-order mark in front of the first row's first value.
    columns[names[0]] = Column(f"ltrim({identifier(names[0])}, chr(65279))", "varchar", header[0])
    types = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in names)
    from_sql = (
        f"read_csv({quoted(str(path))}, auto_detect=false, header=true, delim={quoted(delimiter)}, quote='\"', "
        f"escape='\"', strict_mode=true, max_line_size=16777216, columns={{{types}}}, nullstr='')"
    )
    return Relation(label, from_sql, "row_number() over ()", columns)


def _csv_header(path: Path, label: str) -> tuple[list[str], str]:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="strict", newline="") as lines:  # type: ignore[operator]
            first = lines.readline()
            delimiter = max(",;\t|", key=first.count)
            lines.seek(0)
            header = next(csv.reader(lines, delimiter=delimiter), [])
    except (OSError, EOFError, zlib.error) as problem:
        raise BadExportError(label, f"cannot be unpacked ({problem})", fix="Deliver it again, then rerun") from None
    except UnicodeDecodeError as problem:
        raise BadExportError(label, f"is not UTF-8 text ({problem.reason} at byte {problem.start})") from None
    if not any(name.replace("\ufeff", "").strip() for name in header):
        raise BadExportError(label, "is empty: it has no header row", fix="Deliver the file again, then rerun")
    return header, delimiter


def _parquet_relation(con: duckdb.DuckDBPyConnection, path: Path, label: str, dataset: str) -> Relation:
    from_sql = f"read_parquet({quoted(str(path))}, file_row_number=true, hive_partitioning=false)"
    try:
        relation = con.sql(f"select * from {from_sql} limit 0")
    except duckdb.Error as problem:
        raise BadExportError(label, f"is not a sound Parquet file ({_first_line(problem)})") from None
    originals = [name for name in relation.columns if name != "file_row_number"]
    names = canonical_names(originals, dataset)
    types = dict(zip(relation.columns, relation.types, strict=True))
    columns: dict[str, Column] = {}
    for original, name in zip(originals, names, strict=True):
        columns[name] = Column(identifier(original), types[original].id, original)
        columns |= _struct_fields(name, identifier(original), types[original])
    return Relation(label, from_sql, "file_row_number + 1", columns)


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


def _json_relation(con: duckdb.DuckDBPyConnection, path: Path, label: str, dataset: str) -> Relation:
    source = f"{quoted(str(path))}, maximum_object_size=67108864"
    try:
        relation = con.sql(
            f"select * from read_json({source}, format='auto', sample_size=-1, maximum_depth=1) limit 0"
        )
    except duckdb.Error as problem:
        raise BadExportError(label, f"cannot be read as JSON ({_first_line(problem)})") from None
    if relation.columns == ["json"]:
        raise BadExportError(label, "holds no JSON objects", fix="Give one JSON object per row")
    types = ", ".join(f"{identifier(name)}: 'JSON'" for name in relation.columns)
    from_sql = f"read_json({source}, format='auto', columns={{{types}}})"
    names = canonical_names(relation.columns, dataset)
    columns = {
        name: Column(identifier(original), "json") for original, name in zip(relation.columns, names, strict=True)
    }
    return Relation(label, from_sql, "row_number() over ()", columns)


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


def _json_scalar(column: Column) -> Column:
    return Column(f"({column.expr} ->> '$')", "varchar") if column.type == "json" else column


def select_sql(
    relation: Relation,
    contract: Contract,
    unknown: list[str],
    constants: dict[str, str],
    default_currency: str | None,
) -> str:
    """SELECT of one relation in landed shape: lineage, contract columns typed, then unknown columns as text."""
    items = [f"{quoted(value)} as {name}" for name, value in constants.items()]
    items += [f"{quoted(relation.label)} as x_source_file", f"{relation.row_number} as x_source_row"]
    for name, kind in contract.columns.items():
        is_currency = name == contract.currency
        value = currency_sql(relation, contract, default_currency) if is_currency else None
        items.append(f"{value or column_sql(relation, contract, name, kind)} as {identifier(name)}")
    for name in unknown:
        column = relation.columns.get(name)
        value = cast_sql("text", column.expr, column.type) if column else "cast(null as varchar)"
        items.append(f"{value} as {identifier(name)}")
    return f"select {', '.join(items)} from {relation.from_sql}"


def column_sql(relation: Relation, contract: Contract, name: str, kind: str) -> str:
    """One contract column of `relation` in its landed type; a typed NULL where the export has no such column."""
    if kind == "credits":
        return _credits_sql(relation)
    if name == "credits_total":
        return f"cast(list_sum(list_transform({_credits_sql(relation)}, lambda c: c.amount)) as decimal(28,12))"
    if name == "resource_tags" and name not in relation.columns:
        return _tag_columns_sql(relation)
    column = relation.column(contract, name)
    if column is None:
        return f"cast(null as {TYPE_OF_KIND[kind]})"
    if kind == "json":
        return cast_sql(kind, column.expr, column.type)
    column = _json_scalar(column)
    return cast_sql(kind, column.expr, column.type)


def _credits_sql(relation: Relation) -> str:
    """Credits as a typed list: from nested rows, from JSON, or from a printed Python list; never only the first one."""
    column = relation.columns.get("credits")
    empty = "cast(null as struct(name varchar, full_name varchar, id varchar, type varchar, amount decimal(28,12))[])"
    if column is None:
        return empty
    if column.type in ("list", "struct"):
        as_json = f"to_json({column.expr})"
    elif column.type == "json":
        as_json = column.expr
    else:
        text = f"filled({column.expr})"
        as_json = f"case when json_valid({text}) then {text} else replace({text}, chr(39), chr(34)) end::json"
    as_list = f"case when json_type({as_json}) = 'OBJECT' then json_array({as_json}) else {as_json} end"
    shape = json.dumps([{name: "VARCHAR" for name in _CREDIT_FIELDS}])
    fields = ", ".join(f"{name} := c.{name}" for name in _CREDIT_FIELDS[:-1])
    return (
        f"list_transform(from_json({as_list}, {quoted(shape)}), "
        f"lambda c: struct_pack({fields}, amount := money_text(filled(c.amount))))"
    )


def _tag_columns_sql(relation: Relation) -> str:
    """The resourceTags/* columns of a legacy CUR as one JSON object of those that are filled."""
    tags = {
        re.sub(r"^resource_?tags[/_]", "", column.original, flags=re.IGNORECASE): column.expr
        for name, column in relation.columns.items()
        if name.startswith("resource_tags_")
    }
    if not tags:
        return "cast(null as varchar)"
    pairs = ", ".join(f"{{'k': {quoted(key)}, 'v': {expr}}}" for key, expr in tags.items())
    return (
        f"nullif(cast(to_json(map_from_entries(list_filter([{pairs}], lambda e: e.v <> ''))) as varchar), '{{}}')"
    )


def unknown_columns(relations: list[Relation], contract: Contract) -> list[str]:
    """Columns of any of the relations that the contract does not name; they land as text."""
    heads = {path.partition(".")[0] for path in contract.paths.values()}
    found: dict[str, None] = {}
    for relation in relations:
        for name in relation.columns:
            if name not in contract.columns and name not in heads and "." not in name:
                found[name] = None
    return sorted(found)


def control_sql(relation: Relation, contract: Contract, where: str, default_currency: str | None) -> str:
    """Control totals straight from the source: rows, and per currency the exact sum of every cost metric."""
    currency = currency_sql(relation, contract, default_currency)
    sums = []
    for metric in contract.cost_metrics:
        value = column_sql(relation, contract, metric, contract.columns[metric])
        column = None if metric == "credits_total" else relation.column(contract, metric)
        scalar = _json_scalar(column) if column else None
        rounding = rounding_sql(scalar.expr, scalar.type) if scalar else "cast(0 as decimal(38,25))"
        sums.append(f"sum({value}) as {metric}, sum({rounding}) as {metric}__rounding")
    return f"select {currency} as currency, count(*) as rows, {', '.join(sums)} from {relation.from_sql} {where} group by 1"


def currency_sql(relation: Relation, contract: Contract, default_currency: str | None) -> str:
    """The billing currency of a row; the source's own default only where the file has none."""
    stated = column_sql(relation, contract, contract.currency, "text")
    return f"upper(coalesce({stated}, {quoted(default_currency)}))" if default_currency else f"upper({stated})"


def period_sql(relation: Relation, contract: Contract) -> str:
    """The billing period (YYYY-MM) that a row itself states: its period column, else the month of its charge."""
    if contract.dataset == "billing_export":
        month = column_sql(relation, contract, contract.period, "text")
        return f"(substr({month}, 1, 4) || '-' || substr({month}, 5, 2))"
    stated = column_sql(relation, contract, contract.period, "ts")
    charged = column_sql(relation, contract, contract.charge_start, "ts")
    return f"strftime(coalesce({stated}, {charged}), '%Y-%m')"


def _first_line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0]
