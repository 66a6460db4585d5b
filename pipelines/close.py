"""Closing the books of a month: open → soft closed → closed. Closed statements never change.

What changes later is posted as adjustments in the first open month. Re-opening is a reversal that stays in the books.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.build import build
from pipelines.errors import FinopsError, SettingsError
from pipelines.invoices import missing_invoices
from pipelines.landing.books import (
    COST_CENTERS,
    DRIVERS,
    JOURNAL,
    LINES,
    RATES,
    BookEvent,
    Posting,
    book_events,
    closed_periods,
    posted_journal,
    posted_lines,
    record,
    statement_hash,
)
from pipelines.landing.decision_files import Row
from pipelines.landing.decisions import read_decisions
from pipelines.landing.deliveries import locked
from pipelines.outputs.publish import current_run, publish
from pipelines.settings import Workspace, is_period

_NOT_CLOSED = "Nothing was closed"
_SHOWN = 12  # characters of a statement hash that an approval has to repeat
Progress = Callable[[str], None]


class CloseError(FinopsError):
    """A month could not be closed or opened again; the books are as they were."""


@dataclass(frozen=True)
class CloseSummary:
    period: str
    status: str  # soft_closed | closed | open (after a reversal)
    statement_hash: str
    totals: dict[str, Decimal]  # per currency, rounding included
    was_changed: bool


def soft_close(workspace: Workspace, period: str, *, despite: str = "") -> CloseSummary:
    """Check that the month is complete and fix what is to be approved: the hash of its statement lines.

    `despite` is the reason for closing a month that is not complete; it is kept in the books.
    """
    with locked(workspace, "books"):
        marts = _marts(workspace, period)
        events = book_events(workspace)
        with duckdb.connect(str(marts), read_only=True) as con:
            content, totals = _content(con, period)
            if period in closed_periods(events):
                return CloseSummary(period, "closed", content, totals, False)
            _check_order(con, period, events)
            _check_reconciled(con, period)
            if not despite:
                _check_complete(con, period, [source.name for source in workspace.bills])
        latest = [e for e in events if e.billing_period == period][-1:]
        is_known = bool(latest) and latest[0].event == "soft_close" and latest[0].content_hash == content
        if not is_known:
            record(workspace, "soft_close", period, content, None, _now(), reason=despite)
        return CloseSummary(period, "soft_closed", content, totals, not is_known)


def close(
    workspace: Workspace,
    period: str,
    *,
    approved_by: str = "",
    approved_hash: str = "",
    despite: str = "",
    progress: Progress = lambda _: None,
) -> CloseSummary:
    """Close a month that was approved: `approved_hash` by `approved_by`, or by a row of decisions/close_approvals.csv.

    Without an approval of exactly these numbers the month stays soft closed. Closing a closed month does nothing.
    """
    soft = soft_close(workspace, period, despite=despite)
    if soft.status == "closed":
        return soft
    if approved_by and approved_hash != soft.statement_hash:
        raise CloseError(period, f"is not what {approved_by} approved: its numbers have changed since", _NOT_CLOSED,
                         f"Look at them and run `finops close {period}` again")  # fmt: skip
    approver = approved_by or _approval(workspace, soft)
    if not approver:
        return soft
    with locked(workspace, "books"):
        marts = _marts(workspace, period)
        with duckdb.connect(str(marts), read_only=True) as con:
            content, totals = _content(con, period)
            if content != soft.statement_hash:
                raise CloseError(period, "the statements changed while they were approved", _NOT_CLOSED,
                                 f"Look at them and run `finops close {period}` again")  # fmt: skip
            posting = _posting(con, workspace, period)
        record(workspace, "close", period, content, posting, _now(), approver, despite)
    _refresh(workspace, progress)
    return CloseSummary(period, "closed", content, totals, True)


def decision_of(workspace: Workspace, soft: CloseSummary) -> str:
    """What decisions/close_approvals.csv says of exactly these numbers: approve, reject, or nothing."""
    row = _decision(workspace, soft)
    return str(row["decision"]) if row else ""


def reopen(
    workspace: Workspace, period: str, *, by: str, reason: str, progress: Progress = lambda _: None
) -> CloseSummary:
    """Reverse the newest closed month: its postings stay, their negatives are posted beside them, and it is open."""
    if not by.strip() or not reason.strip():
        raise SettingsError("close", "a reversal needs --by and --reason", fix="Say who opens the month again, and why")
    with locked(workspace, "books"):
        events = book_events(workspace)
        closed = closed_periods(events)
        if period not in closed or period != closed[-1]:
            what = f"is not the newest closed month ({closed[-1]})" if closed else "is not closed"
            raise CloseError(period, what, "Nothing was changed", "Later changes of older months become adjustments")
        last = [e for e in events if e.billing_period == period and e.event == "close"][-1]
        with duckdb.connect() as con:
            con.execute(
                f"create view reversal as select md5(line_id || ':reversal:{len(events) + 1}') as line_id, "
                "billing_period, posting_period, cost_center_id, kind, x_source, provider, service_name, "
                "cast(-amount as decimal(28, 12)) as amount, cast(-billed_amount as decimal(28, 12)) as billed_amount, "
                "currency, cast(-amount_reporting as decimal(28, 12)) as amount_reporting "
                f"from read_parquet('{posted_lines(workspace, last)}')"
            )
            content = statement_hash(con, "reversal")
            columns = ", ".join(name for name in LINES.names if name not in ("sequence", "revision"))
            lines = con.execute(f"select {columns} from reversal order by line_id").to_arrow_table()
            revision = 1 + sum(1 for e in events if e.billing_period == period and e.event != "soft_close")
            journal = _reversed_journal(con, posted_journal(workspace, last), revision)
        record(workspace, "reopen", period, content, Posting(lines, journal=journal), _now(), by, reason)
    _refresh(workspace, progress)
    return CloseSummary(period, "open", content, {}, True)


def earlier_open_periods(workspace: Workspace, period: str) -> list[str]:
    """Months before `period` that hold charges and are not closed, oldest first."""
    with duckdb.connect(str(_marts(workspace, period)), read_only=True) as con:
        return _earlier_open(con, period, book_events(workspace))


def _marts(workspace: Workspace, period: str) -> Path:
    if not is_period(period):
        raise SettingsError("close", f"'{period}' is not a billing period", fix="Write it like 2026-10")
    current = current_run(workspace)
    if current is None:
        raise CloseError(str(workspace.published), "nothing has been published yet", fix="Run `finops run` first")
    return current / "marts.duckdb"


def _content(con: duckdb.DuckDBPyConnection, period: str) -> tuple[str, dict[str, Decimal]]:
    lines = f"(select * from fct_chargeback where posting_period = '{period}' and status <> 'closed')"
    totals = dict(con.execute(f"select currency, sum(amount) from {lines} group by 1 order by 1").fetchall())
    if not totals:
        posted = con.execute("select count(*) from fct_chargeback where posting_period = ?", [period]).fetchone()
        if not posted or not posted[0]:
            raise CloseError(period, "has no charges to close", "Nothing was changed", "Land its bills first")
    return statement_hash(con, lines), totals


def _posting(con: duckdb.DuckDBPyConnection, workspace: Workspace, period: str) -> Posting:
    """The statements of a month as they stand: their lines, why they are so, whom they name, journal and rates."""

    def table(schema: pa.Schema, source: str, where: str, order: str) -> pa.Table:
        columns = ", ".join(name for name in schema.names if name not in ("sequence", "revision"))
        found = con.execute(f"select {columns} from {source} where {where} order by {order}", [period])
        return found.to_arrow_table()

    mapping = read_decisions(workspace)["journal_columns"]

    return Posting(
        table(LINES, "fct_chargeback", "posting_period = ? and status <> 'closed'", "line_id"),
        table(DRIVERS, "fct_statement_drivers", "billing_period = ?", "all"),
        table(COST_CENTERS, "dim_statement_cost_centers", "billing_period = ?", "cost_center_id"),
        table(JOURNAL, "fct_chargeback_journal", "billing_period = ? and not is_posted", "journal_id, line_no"),
        tuple((str(row["column"]), str(row["field"])) for row in mapping),
        table(RATES, "dim_fx_rates", "billing_period = ?", "from_currency"),
    )


def _reversed_journal(con: duckdb.DuckDBPyConnection, posted: Path, revision: int) -> pa.Table | None:
    """A posted journal with its sides swapped, on the accounts that it was posted to."""
    if not posted.is_file():
        return None
    changed = {
        "journal_id": f"regexp_replace(journal_id, 'R[0-9]+$', 'R{revision}')",
        "debit": "credit",
        "credit": "debit",
        "reversal_of": "journal_id",
    }
    columns = ", ".join(f"{changed.get(name, name)} as {name}" for name in JOURNAL.names if name != "sequence")
    return con.execute(
        f"select {columns} from read_parquet('{posted}') as posted order by posted.journal_id, posted.line_no"
    ).to_arrow_table()


def _earlier_open(con: duckdb.DuckDBPyConnection, period: str, events: list[BookEvent]) -> list[str]:
    months = con.execute(
        "select distinct posting_period from fct_chargeback where posting_period < ? order by 1", [period]
    )
    closed = set(closed_periods(events))
    return [str(month) for (month,) in months.fetchall() if month not in closed]


def _check_order(con: duckdb.DuckDBPyConnection, period: str, events: list[BookEvent]) -> None:
    earlier = _earlier_open(con, period, events)
    if earlier:
        shown = ", ".join(earlier[:3]) + (" …" if len(earlier) > 3 else "")
        raise CloseError(
            period, f"{len(earlier)} earlier month(s) are open: {shown}", _NOT_CLOSED,
            f"Close them first, or all of them with `finops close {period} --with-earlier`",
        )  # fmt: skip


def _check_complete(con: duckdb.DuckDBPyConnection, period: str, sources: list[str]) -> None:
    problems = [
        f"{source}: {why}"
        for source, why in con.execute(
            "select x_source, coalesce(why_not, 'is not complete') from rpt_close_readiness "
            "where billing_period = ? and not is_safe_to_close order by 1",
            [period],
        ).fetchall()
    ]
    problems += missing_invoices(con, period)
    known = {str(source) for (source,) in con.execute("select distinct x_source from rpt_close_readiness").fetchall()}
    problems += [f"{source}: nothing has ever been landed" for source in sorted(set(sources) - known)]
    if problems:
        shown = "\n  ".join(problems)
        raise CloseError(
            period, f"is not complete:\n  {shown}\n", _NOT_CLOSED,
            f'Land what is missing, or run `finops close {period} --despite "why"`',
        )  # fmt: skip


def _check_reconciled(con: duckdb.DuckDBPyConnection, period: str) -> None:
    """No reason closes a month whose statements do not tie to the invoice."""
    problems = [
        f"{source}: the {stage} totals of {metric} in {currency} do not agree"
        for stage, source, metric, currency in con.execute(
            "select stage, x_source, metric, currency from fct_reconciliation "
            "where billing_period = ? and status = 'broken' order by all",
            [period],
        ).fetchall()
    ]
    if problems:
        shown = "\n  ".join(problems)
        raise CloseError(period, f"does not reconcile:\n  {shown}\n", _NOT_CLOSED,
                         "Run `finops land` and `finops build`; see fct_reconciliation")  # fmt: skip


def _decision(workspace: Workspace, soft: CloseSummary) -> Row | None:
    for row in reversed(read_decisions(workspace)["close_approvals"]):
        given = str(row["statement_hash"]).lower()
        if row["billing_period"] == soft.period and len(given) >= _SHOWN and soft.statement_hash.startswith(given):
            return row
    return None


def _approval(workspace: Workspace, soft: CloseSummary) -> str:
    """Who approved exactly these numbers; empty when nobody did. A rejection of them is an error."""
    row = _decision(workspace, soft)
    if row is None:
        return ""
    if row["decision"] == "reject":
        raise CloseError(
            soft.period, f"was rejected by {row['approved_by']} on {row['approved_on']}: {row['note'] or 'no note'}",
            "It stays soft closed", "Mend the cause, then run `finops run` and close again",
        )  # fmt: skip
    return str(row["approved_by"])


def _refresh(workspace: Workspace, progress: Progress) -> None:
    build(workspace, progress=progress)
    publish(workspace, progress)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
