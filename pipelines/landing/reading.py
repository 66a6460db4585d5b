"""One source file as a relation: its header read by Python, its columns named canonically, its rows streamed by DuckDB.

DuckDB never guesses here (delimiter, types, dates and names are all given), because its guesses were seen to turn
01/02 into 2 February, to drop leading zeros, and to take a ragged file for one column.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import json
import re
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import duckdb

from pipelines.errors import BadExportError
from pipelines.landing.casts import cast_sql, rounding_sql
from pipelines.landing.contracts import LINEAGE, Contract, landed_types
from pipelines.landing.names import canonical_names

_CHUNK = 1 << 20
_RATIO_LIMIT = 200  # a bill compresses about 20 times; far more is a bomb
_AGAIN = "Deliver the file again, then rerun"
_NOTHING = "cast(null as varchar)"
_CREDIT_FIELDS = ("name", "full_name", "id", "type", "amount")


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
    room = _room(path.stat().st_size)
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            if inflate:
                inflate, size = _inflate(inflate, chunk, label)
                room -= size
                if room < 0:
                    raise BadExportError(label, "unpacks to a suspicious size", "It was not read further", _AGAIN)
    if inflate and not inflate.eof:
        raise BadExportError(label, "the gzip file is cut short", fix="Deliver the file again, then rerun")
    return digest.hexdigest()


def _room(packed_size: int) -> int:
    """How many bytes a packed file of this size may unpack to."""
    return _RATIO_LIMIT * max(packed_size, _CHUNK)


def _inflate(inflate: zlib._Decompress, chunk: bytes, label: str) -> tuple[zlib._Decompress, int]:
    """Inflate one chunk; the state to go on with, and how many bytes came out."""
    size = 0
    try:
        while chunk:
            if inflate.eof:  # a gzip file may hold several members
                if not chunk.strip(b"\0"):
                    break
                inflate = zlib.decompressobj(wbits=31)
            size += len(inflate.decompress(chunk, _CHUNK * 64))
            while inflate.unconsumed_tail:
                size += len(inflate.decompress(inflate.unconsumed_tail, _CHUNK * 64))
            chunk = inflate.unused_data
    except zlib.error as problem:
        raise BadExportError(
            label, f"is not a sound gzip file ({problem})", fix="Deliver it again, then rerun"
        ) from None
    return inflate, size


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
            if sum(m.file_size for m in members) > _room(path.stat().st_size):
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
        con.execute(f"copy (from {from_sql}) to {quoted(str(raw))} (format parquet, compression lz4_raw)")
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


def _raw_sql(
    tables: list[SourceTable], contract: Contract, unknown: list[str], constants: dict[str, str], mixed: set[str]
) -> str:
    """SELECT over files of one shape with canonical names and the files' own types; columns they lack are NULL.

    Casting happens once, above the union of all shapes: the casts are long expressions.
    """
    first = tables[0]
    labels = ", ".join(f"{quoted(str(table.path))}: {quoted(table.label)}" for table in tables)
    items = [f"{quoted(value)} as {name}" for name, value in constants.items()]
    items += [f"map {{{labels}}}[filename] as x_source_file", "file_row_number + 1 as x_source_row"]
    for name, kind in contract.columns.items():
        items.append(f"{_raw_expr(first, contract, name, kind, name in mixed)} as {identifier(name)}")
    for name in unknown:
        column = first.columns.get(name)
        value = (_text_of(column) if name in mixed else column.expr) if column else _NOTHING
        items.append(f"{value} as {identifier(name)}")
    paths = ", ".join(quoted(str(table.path)) for table in tables)
    options = "filename=true, file_row_number=true, hive_partitioning=false"
    return f"select {', '.join(items)} from read_parquet([{paths}], {options})"


def _text_of(column: Column) -> str:
    """A value of any type as the text that another file would give it in a column of text."""
    if column.type in ("map", "struct", "list"):
        return f"cast(to_json({column.expr}) as varchar)"
    if column.type == "json":
        return f"({column.expr} ->> '$')"
    return column.expr if column.type == "varchar" else f"cast({column.expr} as varchar)"


def _raw_expr(source: SourceTable, contract: Contract, name: str, kind: str, as_text: bool) -> str:
    if kind == "credits" or name == "credits_total":
        return _credits_json_sql(source)
    if name == "cost_after_discounts":
        return _cost_after_discounts_sql(source)
    if name == "resource_tags" and name not in source.columns:
        return _tag_columns_sql(source)
    if name == "tags" and name not in source.columns and "x_labels" in source.columns:
        return _labels_sql(source.columns["x_labels"])
    column = source.column(contract, name)
    if column is None:
        return _NOTHING
    if as_text:
        return _text_of(column)
    if kind == "json" and column.type in ("map", "struct", "list", "json"):
        return f"cast(to_json({column.expr}) as varchar)"
    return f"({column.expr} ->> '$')" if column.type == "json" else column.expr


def _cost_after_discounts_sql(source: SourceTable) -> str:
    """What a CUR line costs after discounts: its net cost, or, as fees, tax and credits may have none, its cost; a
    discount without one is in the other lines' net costs.

    NULL in files without net columns, which AWS writes for payers with private discounts only.
    """
    net, gross = source.columns.get("line_item_net_unblended_cost"), source.columns["line_item_unblended_cost"]
    kind = source.columns["line_item_line_item_type"]
    if net is None:
        return _NOTHING
    as_number = net.type == gross.type != "varchar"
    found, given = (net.expr, gross.expr) if as_number else (f"filled({_text_of(net)})", _text_of(gross))
    nothing = "0" if as_number else "'0'"
    return f"coalesce({found}, case when lower({kind.expr}) like '%discount' then {nothing} else {given} end)"


def _credits_json_sql(source: SourceTable) -> str:
    """Credits as JSON text of an array: from nested rows, from JSON, or from a printed Python list."""
    column = source.columns.get("credits")
    if column is None:
        return _NOTHING
    if column.type in ("list", "struct", "json"):
        as_json = column.expr if column.type == "json" else f"to_json({column.expr})"
        text = f"cast({as_json} as varchar)"
        return f"case when json_type({as_json}) = 'OBJECT' then '[' || {text} || ']' else {text} end"
    text = f"filled({column.expr})"
    as_json = f"replace({text}, chr(39), chr(34))"
    return f"case when json_valid({text}) then {text} else regexp_replace({as_json}, ': None\\b', ': null', 'g') end"


def _tag_columns_sql(source: SourceTable) -> str:
    """The resourceTags/* columns of a legacy CUR as one JSON object of those that are filled."""
    tags = {
        re.sub(r"^resource_?tags[/_]", "", column.original, flags=re.IGNORECASE): column.expr
        for name, column in source.columns.items()
        if name.startswith("resource_tags_")
    }
    if not tags:
        return _NOTHING
    pairs = ", ".join(f"{{'k': {quoted(key)}, 'v': {expr}}}" for key, expr in tags.items())
    return f"nullif(cast(to_json(map_from_entries(list_filter([{pairs}], lambda e: e.v <> ''))) as varchar), '{{}}')"


def _labels_sql(labels: Column) -> str:
    """The labels of Google's FOCUS table, which has no Tags, as one JSON object; twin keys are told apart later."""
    records = labels.expr
    if labels.type != "list":
        records = f'from_json({_text_of(labels)}, \'[{{"Key": "VARCHAR", "Value": "VARCHAR"}}]\')'
    pairs = f"list_transform({records}, lambda e: to_json(e.key) || ':' || to_json(e.value))"
    return f"case when {labels.expr} is not null then '{{' || array_to_string({pairs}, ',') || '}}' end"


@dataclass(frozen=True)
class Table:
    """All files of a delivery as one relation with raw columns, and the types these have."""

    sql: str
    types: dict[str, str]  # column -> DuckDB type id
    contract: Contract
    unknown: list[str]
    absent: set[str]  # columns of the contract that no file has: nothing of them needs casting
    default_currency: str | None

    def landed_sql(self, where: str) -> str:
        """SELECT in landed shape: lineage, contract columns typed, then unknown columns as text."""
        items = list(LINEAGE)
        for name, kind in self.contract.columns.items():
            value = self.currency_sql() if name == self.contract.currency else self.typed(name, kind)
            items.append(f"{value} as {identifier(name)}")
        items += [f"{cast_sql('text', identifier(n), self.types[n])} as {identifier(n)}" for n in self.unknown]
        return f"select {', '.join(items)} from ({self.sql}) {where}"

    def control_sql(self, where: str) -> str:
        """Control totals straight from the source: per dataset and currency the rows and exact sums of each metric."""
        sums = []
        for metric in self.contract.cost_metrics:
            rounding = "cast(0 as decimal(38,25))"
            if metric != "credits_total" and metric not in self.absent:
                rounding = rounding_sql(identifier(metric), self.types[metric])
            sums.append(f"sum({self.typed(metric, 'money')}), sum({rounding})")
        currency = self.currency_sql()
        return f"select x_dataset, {currency}, count(*), {', '.join(sums)} from ({self.sql}) {where} group by all"

    def typed(self, name: str, kind: str) -> str:
        """SQL of a raw column in its landed type; an error on a value that is none."""
        if name in self.absent:
            return f"cast(null as {landed_types(self.contract)[name]})"
        if kind == "credits":
            return _credits_sql()
        if name == "credits_total":
            return (
                f"cast(list_sum(list_transform({_credits_sql('credits_total')}, lambda c: c.amount)) as decimal(28,12))"
            )
        return cast_sql(kind, identifier(name), self.types[name])

    def currency_sql(self) -> str:
        """The billing currency of a row; the source's own default only where the file has none."""
        stated = self.typed(self.contract.currency, "text")
        if self.default_currency:
            stated = f"coalesce({stated}, {quoted(self.default_currency)})"
        return f"upper({stated})"

    def day_sql(self) -> str:
        """The day (YYYY-MM-DD) that a row is charged for; NULL where it states none that can be read."""
        return f"try(strftime({self.typed(self.contract.charge_start, 'ts')}, '%Y-%m-%d'))"

    def period_sql(self) -> str:
        """The billing period (YYYY-MM) that a row itself states: its period column, else the month of its charge."""
        if self.contract.dataset == "billing_export":
            month = self.typed(self.contract.period, "text")
            return f"(substr({month}, 1, 4) || '-' || substr({month}, 5, 2))"
        if self.contract.dataset == "invoices":
            return self.typed(self.contract.period, "text")
        stated = self.typed(self.contract.period, "ts")
        charged = self.typed(self.contract.charge_start, "ts")
        return f"strftime(coalesce({stated}, {charged}), '%Y-%m')"


def _credits_sql(column: str = "credits") -> str:
    """Credits as a typed list; every one counts, not only the first."""
    shape = json.dumps([dict.fromkeys(_CREDIT_FIELDS, "VARCHAR")])
    fields = ", ".join(f"{name} := c.{name}" for name in _CREDIT_FIELDS[:-1])
    # from_json turns what it cannot read into NULL; as an amount it is an error that names the row.
    readable = (
        f"{column} is null or (json_valid({column}) and json_type({column}) = 'ARRAY' "
        f"and coalesce(list_bool_and(list_transform(json_type({column}, '$[*]'), lambda t: t = 'OBJECT')), true))"
    )
    sound = f"""case when {readable} then {column} else '[{{"amount": "not a credit"}}]' end"""
    return (
        f"list_transform(from_json({sound}, {quoted(shape)}), "
        f"lambda c: struct_pack({fields}, amount := money_text(filled(c.amount))))"
    )


def open_table(
    con: duckdb.DuckDBPyConnection,
    sources: list[tuple[dict[str, str], SourceTable]],
    contract: Contract,
    default_currency: str | None,
) -> Table:
    """The union of `sources`, each with its constant columns; files of one shape are read as one."""
    unknown = _unknown_columns([source for _, source in sources], contract)
    shapes: dict[str, tuple[dict[str, str], list[SourceTable]]] = {}
    for constants, source in sources:
        shapes.setdefault(f"{constants}|{source.columns}", (constants, []))[1].append(source)
    firsts = [tables[0] for _, tables in shapes.values()]
    mixed = _mixed_columns(firsts, contract, unknown)
    union = " union all ".join(
        _raw_sql(tables, contract, unknown, constants, mixed) for constants, tables in shapes.values()
    )
    absent = {
        name
        for name, kind in contract.columns.items()
        if all(_raw_expr(first, contract, name, kind, name in mixed) == _NOTHING for first in firsts)
    }
    described = con.sql(f"select * from ({union}) limit 0")
    types = {name: kind.id for name, kind in zip(described.columns, described.types, strict=True)}
    fill = [
        f"filled({identifier(name)}) as {identifier(name)}" if types[name] == "varchar" else identifier(name)
        for name in described.columns
    ]
    sql = f"select {', '.join(fill)} from ({union})"
    return Table(sql, types, contract, unknown, absent, default_currency)


def _mixed_columns(shapes: list[SourceTable], contract: Contract, unknown: list[str]) -> set[str]:
    """Columns that have another type in another file: they meet as text, so that no digit goes."""
    types: dict[str, set[str]] = {}
    for source in shapes:
        for name in (*contract.columns, *unknown):
            column = source.column(contract, name)
            if column:
                types.setdefault(name, set()).add("varchar" if column.type == "json" else column.type)
    return {name for name, kinds in types.items() if len(kinds) > 1}


def _unknown_columns(sources: list[SourceTable], contract: Contract) -> list[str]:
    """Columns of any of the files that the contract does not name; they land as text."""
    known = set(contract.columns) | set(LINEAGE) | {path.partition(".")[0] for path in contract.paths.values()}
    return sorted(
        {
            name
            for source in sources
            for name, column in source.columns.items()
            if name not in known and (column.original or "." not in name)  # a struct's fields have no spelling
        }
    )


def _first_line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0]
