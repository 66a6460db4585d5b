"""The books: what was posted when a month closed, kept forever in landing/books, one numbered event after the other.

An event is a JSON file with what it posts beside it as Parquet: its lines, and what their statements say of them. It
exists once its JSON has been renamed into place. Nothing here is ever rewritten. Each posting carries the hash of its
lines and of the posting before it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.landing.deliveries import write_atomically
from pipelines.settings import Workspace

_MONEY = pa.decimal128(28, 12)
_DRIVERS, _COST_CENTERS, _JOURNAL = "-drivers.parquet", "-cost-centers.parquet", "-journal.parquet"
_RATES = "-rates.parquet"
LINES = pa.schema(
    {
        "sequence": pa.int32(),
        "revision": pa.int32(),
        "billing_period": pa.string(),
        "posting_period": pa.string(),
        "cost_center_id": pa.string(),
        "line_id": pa.string(),
        "kind": pa.string(),
        "x_source": pa.string(),
        "provider": pa.string(),
        "service_name": pa.string(),
        "amount": _MONEY,
        "billed_amount": _MONEY,
        "currency": pa.string(),
        "amount_reporting": _MONEY,
    }
)
DRIVERS = pa.schema(
    {
        "sequence": pa.int32(),
        "billing_period": pa.string(),
        "cost_center_id": pa.string(),
        "currency": pa.string(),
        "method": pa.string(),
        "rule_id": pa.string(),
        "rule_version": pa.string(),
        "unallocated_reason": pa.string(),
        "driver": pa.string(),
        "is_fallback": pa.bool_(),
        "driver_value": pa.decimal128(38, 4),
        "driver_total": pa.decimal128(38, 4),
        "share": pa.decimal128(18, 6),
        "rule_cost": _MONEY,
        "allocated_cost": _MONEY,
    }
)
COST_CENTERS = pa.schema(
    {
        "sequence": pa.int32(),
        "billing_period": pa.string(),
        "cost_center_id": pa.string(),
        "name": pa.string(),
        "team": pa.string(),
        "department": pa.string(),
        "business_unit": pa.string(),
        "owner": pa.string(),
        "gl_account": pa.string(),
    }
)
JOURNAL = pa.schema(
    {
        "sequence": pa.int32(),
        "journal_id": pa.string(),
        "line_no": pa.int32(),
        "billing_period": pa.string(),
        "origin_period": pa.string(),
        "posting_date": pa.date32(),
        "company": pa.string(),
        "account": pa.string(),
        "cost_center_id": pa.string(),
        "debit": _MONEY,
        "credit": _MONEY,
        "currency": pa.string(),
        "text": pa.string(),
        "source_ref": pa.string(),
        "reversal_of": pa.string(),
    }
)
RATES = pa.schema(
    {
        "sequence": pa.int32(),
        "billing_period": pa.string(),
        "from_currency": pa.string(),
        "to_currency": pa.string(),
        "rate": pa.decimal128(18, 10),
        "rate_type": pa.string(),
        "source": pa.string(),
    }
)
EVENTS = pa.schema(
    {
        "sequence": pa.int32(),
        "event": pa.string(),  # soft_close | close | reopen
        "billing_period": pa.string(),
        "revision": pa.int32(),
        "content_hash": pa.string(),
        "journal_hash": pa.string(),
        "previous_hash": pa.string(),
        "chain_hash": pa.string(),
        "recorded_at": pa.string(),
        "decided_by": pa.string(),
        "reason": pa.string(),
    }
)
# The same expression is in macro statement_hash of the dbt project, which proves the chain on every build.
STATEMENT_HASH = (
    "sha256(coalesce(string_agg(concat_ws('|', line_id, billing_period, posting_period, cost_center_id, kind, "
    "x_source, coalesce(provider, ''), service_name, currency, cast(amount as varchar), "
    "cast(billed_amount as varchar), coalesce(cast(amount_reporting as varchar), '')), chr(10) order by line_id), ''))"
)

# And this one in macro journal_hash.
_JOURNAL_HASH = (
    "sha256(coalesce(string_agg(concat_ws('|', journal_id, cast(line_no as varchar), billing_period, "
    "coalesce(origin_period, ''), coalesce(cast(posting_date as varchar), ''), coalesce(company, ''), "
    "coalesce(account, ''), coalesce(cost_center_id, ''), coalesce(cast(debit as varchar), ''), "
    "coalesce(cast(credit as varchar), ''), currency, coalesce(text, ''), coalesce(source_ref, ''), "
    "coalesce(reversal_of, '')), chr(10) order by journal_id, line_no), ''))"
)


@dataclass(frozen=True)
class Posting:
    """What a close posts, without sequence and revision. A reversal posts lines and their journal only."""

    lines: pa.Table
    drivers: pa.Table | None = None  # why the lines are what they are
    cost_centers: pa.Table | None = None  # as the statements name them
    journal: pa.Table | None = None  # with the accounts of then
    journal_columns: tuple[tuple[str, str], ...] | None = None  # header and field of the journal file of then
    rates: pa.Table | None = None  # into the reporting currency, of every currency that had one


@dataclass(frozen=True)
class BookEvent:
    sequence: int
    event: str
    billing_period: str
    revision: int
    content_hash: str
    previous_hash: str
    chain_hash: str
    recorded_at: str  # UTC, ISO 8601
    decided_by: str = ""
    reason: str = ""
    journal_columns: tuple[tuple[str, str], ...] | None = None  # of a close; None where it kept none
    journal_hash: str = ""  # empty where no journal was posted


def book_events(workspace: Workspace) -> list[BookEvent]:
    """Every event so far, in order."""
    return [_event(json.loads(path.read_text("utf-8"))) for path in sorted(_folder(workspace).glob("*.json"))]


def _event(kept: dict[str, Any]) -> BookEvent:
    columns = kept.pop("journal_columns", None)
    pairs = None if columns is None else tuple((str(header), str(field)) for header, field in columns)
    return BookEvent(**kept, journal_columns=pairs)


def record(
    workspace: Workspace,
    event: str,
    period: str,
    content_hash: str,
    posting: Posting | None,
    recorded_at: str,
    decided_by: str = "",
    reason: str = "",
) -> BookEvent:
    """Append one event and what it posts."""
    events = book_events(workspace)
    postings = [e for e in events if e.event != "soft_close"]
    previous = postings[-1].chain_hash if postings else ""
    revision = sum(1 for e in postings if e.billing_period == period) + 1
    journal = "" if posting is None or posting.journal is None else _journal_hash(posting.journal)
    recorded = BookEvent(
        sequence=len(events) + 1,
        event=event,
        billing_period=period,
        revision=revision,
        content_hash=content_hash,
        previous_hash=previous,
        chain_hash=hashlib.sha256((previous + content_hash + journal).encode()).hexdigest(),
        recorded_at=recorded_at,
        decided_by=decided_by,
        reason=reason,
        journal_columns=posting.journal_columns if posting else None,
        journal_hash=journal,
    )
    folder = _folder(workspace)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{recorded.sequence:05d}-{event}-{period}"
    if posting is not None:
        lines = _numbered(posting.lines, recorded.sequence)
        lines = lines.add_column(1, "revision", pa.array([revision] * len(lines), pa.int32()))
        for table, ending, schema in (
            (posting.drivers, _DRIVERS, DRIVERS),
            (posting.cost_centers, _COST_CENTERS, COST_CENTERS),
            (posting.journal, _JOURNAL, JOURNAL),
            (posting.rates, _RATES, RATES),
        ):
            if table is not None:
                _write(folder / f"{stem}{ending}", _numbered(table, recorded.sequence).cast(schema))
        _write(folder / f"{stem}.parquet", lines.cast(LINES))
    write_atomically(folder / f"{stem}.json", json.dumps(asdict(recorded), indent=1))
    return recorded


def register_books(workspace: Workspace) -> None:
    """Write all events and posted lines as two tables for dbt."""
    events = book_events(workspace)
    folder = workspace.landing / "register"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "book_events.parquet", pa.Table.from_pylist([asdict(event) for event in events], EVENTS))
    stems = [f"{e.sequence:05d}-{e.event}-{e.billing_period}" for e in events]
    for name, ending, schema in (
        ("book_lines", ".parquet", LINES),
        ("book_drivers", _DRIVERS, DRIVERS),
        ("book_cost_centers", _COST_CENTERS, COST_CENTERS),
        ("book_journal", _JOURNAL, JOURNAL),
        ("book_rates", _RATES, RATES),
    ):
        files = [_folder(workspace) / f"{stem}{ending}" for stem in stems]
        tables = [pq.read_table(path) for path in files if path.is_file()]
        _write(folder / f"{name}.parquet", pa.concat_tables([schema.empty_table(), *tables]))


def posted_lines(workspace: Workspace, event: BookEvent) -> Path:
    return _folder(workspace) / f"{event.sequence:05d}-{event.event}-{event.billing_period}.parquet"


def posted_journal(workspace: Workspace, event: BookEvent) -> Path:
    """The journal that a close posted; closes of the first releases kept none."""
    return _folder(workspace) / f"{event.sequence:05d}-{event.event}-{event.billing_period}{_JOURNAL}"


def journal_columns_of(events: list[BookEvent], period: str) -> tuple[tuple[str, str], ...] | None:
    """The columns that a closed month's journal file keeps; None while the decisions of today count."""
    mine = [event for event in events if event.billing_period == period]
    return mine[-1].journal_columns if mine and mine[-1].event == "close" else None


def closed_periods(events: list[BookEvent]) -> list[str]:
    """Months whose last event is a close."""
    last = {event.billing_period: event.event for event in events}
    return sorted(period for period, event in last.items() if event == "close")


def statement_hash(con: duckdb.DuckDBPyConnection, relation: str) -> str:
    row = con.execute(f"select {STATEMENT_HASH} from {relation}").fetchone()
    return str(row[0]) if row else ""


def _journal_hash(journal: pa.Table) -> str:
    with duckdb.connect() as con:
        con.register("posted", _numbered(journal, 0).cast(JOURNAL))
        [(found,)] = con.execute(f"select {_JOURNAL_HASH} from posted").fetchall()
    return str(found)


def _numbered(table: pa.Table, sequence: int) -> pa.Table:
    return table.add_column(0, "sequence", pa.array([sequence] * len(table), pa.int32()))


def _folder(workspace: Workspace) -> Path:
    return workspace.landing / "books"


def _write(path: Path, table: pa.Table) -> None:
    temporary = path.with_name(f".{path.name}")
    pq.write_table(table, temporary)
    temporary.replace(path)
