"""The GL journal of a month as one CSV for the company's ERP; decisions/journal_columns.csv names its columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import duckdb

from pipelines.landing.decision_files import JOURNAL_FIELDS
from pipelines.outputs.statement_model import MINOR_UNITS
from pipelines.outputs.statement_text import csv_text

_DEFAULT = ("journal_id", "line_no", "posting_date", "company", "account", "cost_center_id", "debit", "credit",
            "currency", "text", "origin_period", "source_ref", "reversal_of")  # fmt: skip


def write_journal(marts: Path, period: str, columns: Sequence[tuple[str, str]], path: Path) -> int:
    """Write the journal lines posted in `period`; return how many. `columns` pairs the ERP's header with a field.

    A field written `=text` is that text on every line. Text is written so that no spreadsheet runs it as a formula.
    """
    chosen = list(columns) or [(field, field) for field in _DEFAULT]
    with duckdb.connect(str(marts), read_only=True) as con:
        found = con.execute(
            "select *, debit - credit as amount, coalesce(cost_center_id, '') as project "
            "from fct_chargeback_journal where billing_period = ? order by journal_id, line_no",
            [period],
        )
        names = [column[0] for column in found.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    temporary = path.with_name(f".{path.name}")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([header for header, _ in chosen])
        for row in rows:
            writer.writerow([_cell(row, field) for _, field in chosen])
    temporary.replace(path)
    return len(rows)


def _cell(row: dict[str, object], field: str) -> str:
    if field.startswith("="):
        return csv_text(field[1:])
    assert field in JOURNAL_FIELDS
    value = row[field]
    if isinstance(value, Decimal):
        places = max(MINOR_UNITS.get(str(row["currency"]), 2), -int(value.normalize().as_tuple().exponent))
        return f"{value:.{places}f}"
    return "" if value is None else csv_text(str(value))
