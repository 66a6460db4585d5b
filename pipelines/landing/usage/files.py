"""Signals from export files: one folder per table below the source's uri, as CSV, JSON, JSON lines or Parquet.

inventory/, metrics/, commitments/, provider_recommendations/ and collection/ hold files in the columns of
`tables.SCHEMAS`; `day` (or `snapshot_date`, or the day of `hour`) says which day a row belongs to. What a file lacks is
NULL.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.errors import BadExportError
from pipelines.landing.stores import Store
from pipelines.landing.stores.store import SourceFile
from pipelines.landing.usage.tables import METRICS, RESOURCE_TYPES, SCHEMAS

# Names that other exporters use, by ours.
_ALIASES = {
    "snapshot_date": "day",
    "usage_date": "day",
    "region_id": "region",
    "period_start": "hour",
    "memory_mb_config": "memory_mb",
    "provisioned_throughput_mibps": "provisioned_mibps",
    "multi_az": "is_multi_az",
    "usage_source": "source",
}
_READERS = {
    ".csv": "read_csv('{}', all_varchar = true, header = true)",
    ".json": "read_json('{}', format = 'array')",
    ".jsonl": "read_json('{}', format = 'newline_delimited')",
    ".parquet": "read_parquet('{}')",
}
_REQUIRED = {
    "inventory": ("day", "resource_id", "resource_type"),
    "metrics": ("resource_id", "metric", "hour"),
    "commitments": ("day", "commitment_id"),
    "provider_recommendations": ("day", "recommendation_id"),
    "collection": ("day", "status"),
}


def tables_of(files: list[SourceFile]) -> dict[str, list[SourceFile]]:
    """The files of each table, by the name of the folder that holds them; others are none of ours."""
    found: dict[str, list[SourceFile]] = {}
    for file in files:
        folders = Path(file.key).parts[:-1]
        table = next((name for name in folders if name in SCHEMAS), None)
        if table and _suffix(file.key) in _READERS:
            found.setdefault(table, []).append(file)
    return found


def read_days(store: Store, table: str, files: list[SourceFile], scratch: Path, source: str, provider: str) -> pa.Table:
    """Rows of one table, typed; raises BadExportError with file, column and what was expected."""
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": str(scratch / "spill")}) as con:
        con.execute("set TimeZone = 'UTC'")
        parts = [_read(con, store.fetch(file, scratch), file.key, table, source, provider) for file in files]
    rows = pa.concat_tables(parts)
    _check_words(rows, table, store.uri)
    return rows


def days_in(rows: pa.Table) -> list[date]:
    days: list[date] = sorted(set(rows["day"].to_pylist()) - {None})
    return days


def _read(con: duckdb.DuckDBPyConnection, path: Path, key: str, table: str, source: str, provider: str) -> pa.Table:
    quoted = str(path).replace("'", "''")
    relation = _READERS[_suffix(key)].format(quoted)
    try:
        kinds = {str(row[0]): str(row[1]) for row in con.execute(f"describe select * from {relation}").fetchall()}
        ours = {_ALIASES.get(name.lower(), name.lower()): name for name in kinds}
        missing = [name for name in _REQUIRED[table] if name not in ours]
        if missing:
            raise BadExportError(
                key, f"has no column {', '.join(missing)}", "The previous days stay", f"Columns of {table}: see README"
            )
        if "day" not in ours:
            ours["day"] = ours["hour"]
        given = {"source": f"'{source}'", "provider": f"'{provider}'"}
        columns = []
        for field in SCHEMAS[table]:
            kind = _DUCKDB[str(field.type)]
            value = given.get(field.name) or (f'"{ours[field.name]}"' if field.name in ours else "null")
            if field.name == "tags" and field.name in ours:
                # A text is the JSON object already.
                is_text = kinds[ours[field.name]] == "VARCHAR"
                value = f"nullif(trim({value}), '')" if is_text else f"cast(to_json({value}) as varchar)"
            elif field.name not in given and _suffix(key) == ".csv":
                value = f"nullif(trim(cast({value} as varchar)), '')"
            columns.append(f'cast({value} as {kind}) as "{field.name}"')
        result: pa.Table = con.execute(f"select {', '.join(columns)} from {relation}").to_arrow_table()
    except duckdb.Error as problem:
        raise BadExportError(
            key, f"cannot be read as {table}: {str(problem).splitlines()[0]}", "The previous days stay", "Mend the file"
        ) from None
    return result.cast(SCHEMAS[table])


_DUCKDB = {
    "string": "varchar",
    "double": "double",
    "int64": "bigint",
    "bool": "boolean",
    "date32[day]": "date",
    "timestamp[us]": "timestamp",
    "decimal128(28, 12)": "decimal(28, 12)",
}


def _check_words(rows: pa.Table, table: str, uri: str) -> None:
    column, known = {"inventory": ("resource_type", RESOURCE_TYPES), "metrics": ("metric", METRICS)}.get(
        table, ("", ())
    )
    if not column:
        return
    unknown = sorted({str(word) for word in rows[column].unique().to_pylist()} - set(known))
    if unknown:
        raise BadExportError(
            f"{uri}: {table}",
            f"column {column} has unknown words: {', '.join(unknown[:5])}",
            "The previous days stay",
            f"Known: {', '.join(known)}",
        )


def _suffix(key: str) -> str:
    return Path(key).suffix.lower()
