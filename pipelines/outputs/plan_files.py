"""A plan as tables: Parquet for programs, CSV for people. Each plan replaces the files of the one before."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.outputs.statement_text import csv_text, plain_decimal


def write_plan(folder: Path, tables: Mapping[str, tuple[type, Sequence[Any]]]) -> list[Path]:
    """Write each table (name: the dataclass of its rows, and the rows); money is DECIMAL(28,12)."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, (row_type, rows) in tables.items():
        columns = [field.name for field in fields(row_type)]
        money = [field.name for field in fields(row_type) if "Decimal" in str(field.type)]
        schema = pa.schema([(c, pa.decimal128(28, 12) if c in money else pa.string()) for c in columns])
        table = pa.Table.from_pylist([dict(zip(columns, astuple(row), strict=True)) for row in rows], schema)
        parquet, text = folder / f".{name}.parquet", folder / f".{name}.csv"
        pq.write_table(table, parquet)
        with text.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([_cell(value) for value in astuple(row)] for row in rows)
        written += [path.replace(folder / path.name.removeprefix(".")) for path in (parquet, text)]
    return written


def _cell(value: Decimal | str | None) -> str:
    if value is None:
        return ""
    return plain_decimal(value, 2) if isinstance(value, Decimal) else csv_text(value)
