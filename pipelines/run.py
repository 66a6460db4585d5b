"""The daily run without Airflow: land, build, publish, showback, and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from pipelines.build import build, compute_results
from pipelines.errors import FinopsError, SettingsError
from pipelines.inputs import models_version
from pipelines.landing import LandingReport, land
from pipelines.landing.books import book_events, journal_columns_of
from pipelines.landing.decisions import read_decisions
from pipelines.landing.deliveries import landed_deliveries, write_atomically
from pipelines.landing.usage.land import land_usage
from pipelines.landing.usage.tables import usage_days
from pipelines.outputs.journal import write_journal
from pipelines.outputs.letters import Letter, write_letters
from pipelines.outputs.publish import current_run, publish, published_from_built
from pipelines.outputs.statement_periods import is_week_or_day, last_day
from pipelines.outputs.statements import StatementSummary, write_statements
from pipelines.rates import unrated_costs
from pipelines.settings import Workspace, is_period

Progress = Callable[[str], None]


@dataclass(frozen=True)
class RunSummary:
    landing: LandingReport
    published: Path | None  # the run that readers see now
    statements: StatementSummary | None
    was_published: bool
    problems: tuple[FinopsError, ...] = ()  # of signals, results and rates: bills are published without them


def run(workspace: Workspace, period: str | None = None, progress: Progress = lambda _: None) -> RunSummary:
    """Everything in order. A source that fails to land keeps its previous delivery, and the others go on.

    When nothing but failures came in, the published marts are left as they are.
    """
    if not workspace.sources:
        raise SettingsError(
            str(workspace.root / "finops.toml"),
            "names no source",
            "Nothing was read",
            "Uncomment a [[sources]] block there and point its uri at your export, then run `finops run` again",
        )
    progress("1/5  landing")
    report = land(workspace, period=period, progress=progress)
    signals = land_usage(workspace, progress=progress)
    problems = [result.error for result in signals if result.error]
    inputs = _inputs_fingerprint(workspace)
    published_inputs = workspace.root / ".dbt" / "published_inputs"
    known = published_inputs.read_text("utf-8") if published_inputs.is_file() else None
    current = current_run(workspace)
    if report.failed and (known == inputs or not landed_deliveries(workspace)):
        return RunSummary(report, current, None, False, tuple(problems))
    progress("2/5  building the warehouse")
    built = build(workspace, progress=progress)
    same = None if built.models else published_from_built(workspace)
    if same:
        progress(f"unchanged  run {same.run_id} stays published")
        current = same.folder
    else:
        progress("3/5  forecasting, looking for anomalies")
        problems += compute_results(workspace, progress).failed
        progress("4/5  auditing and publishing")
        current = publish(workspace, progress=progress).folder
    unrated = unrated_costs(workspace)
    problems += [unrated] if unrated else []
    write_atomically(published_inputs, inputs)
    progress("5/5  writing the showback")
    statements = showback(workspace, None, progress) if newest_period(current) else None
    return RunSummary(report, current, statements, True, tuple(problems))


def _inputs_fingerprint(workspace: Workspace) -> str:
    """Of all that the marts are made from: deliveries, decisions, settings, models."""
    digest = hashlib.sha256(models_version(workspace).encode())
    for delivery in landed_deliveries(workspace):
        digest.update(f"{delivery.source}|{delivery.billing_period}|{delivery.delivery_id}".encode())
    for signal, name, day, version in usage_days(workspace):
        digest.update(f"{signal}|{name}|{day}|{version}".encode())
    for path in sorted(workspace.decisions.glob("*.csv")):
        digest.update(path.name.encode() + path.read_bytes())
    digest.update((workspace.root / "finops.toml").read_bytes())
    return digest.hexdigest()


def showback(
    workspace: Workspace,
    period: str | None = None,
    progress: Progress = lambda _: None,
    today: date | None = None,
) -> StatementSummary:
    """Write the statements of one billing period (default: the newest) from the published marts.

    A month that still runs `today` (UTC) is an estimate: marked as such everywhere, and without a journal. So is every
    week (2026-W47) and day (2026-11-24).
    """
    if period and not is_period(period) and not is_week_or_day(period):
        fix = "Write a month like 2026-10, a week like 2026-W47, a day like 2026-11-24"
        raise SettingsError("showback", f"'{period}' is neither a billing period nor a week or day", fix=fix)
    current = current_run(workspace)
    if current is None:
        raise FinopsError(str(workspace.published), "nothing has been published yet", fix="Run `finops run` first")
    chosen = period or newest_period(current)
    if chosen is None:
        raise FinopsError(str(current), "the published marts hold no month", fix="Land a bill, then run `finops run`")
    is_estimate = is_week_or_day(chosen) or is_running(current, chosen, today)
    summary = write_statements(
        current / "marts.duckdb", chosen, workspace.reports, is_estimate=is_estimate, fonts=workspace.statement_fonts
    )
    if summary.unprintable:
        names = ", ".join(f"U+{ord(c):04X}" for c in summary.unprintable[:8])
        more = f" and {len(summary.unprintable) - 8} more" if len(summary.unprintable) > 8 else ""
        progress(f"No font holds {names}{more}: PDFs show the code point. Add fonts with [statements] fonts.")
    journal = summary.folder / f"journal-{chosen}.csv"
    if is_estimate:
        journal.unlink(missing_ok=True)
        return summary
    columns = journal_columns_of(book_events(workspace), chosen)
    if columns is None:
        columns = tuple((row["column"], row["field"]) for row in read_decisions(workspace)["journal_columns"])
    write_journal(current / "marts.duckdb", chosen, columns, journal)
    return summary


def is_running(run_folder: Path, period: str, today: date | None = None) -> bool:
    """True while an open month is not over (UTC): what it costs can only be estimated."""
    if (today or datetime.now(UTC).date()) > last_day(period):
        return False
    with duckdb.connect(str(run_folder / "marts.duckdb"), read_only=True) as con:
        is_open = "select count(*) > 0 from fct_chargeback where posting_period = ? and status = 'open'"
        return bool(_one(con, is_open, [period]))


def letters(
    workspace: Workspace,
    period: str | None = None,
    *,
    send: bool = False,
    progress: Progress = lambda _: None,
    today: date | None = None,
) -> list[Letter]:
    """Write the statements of a month (default: the newest) and their cover letters; send those only with `send`."""
    if period and is_week_or_day(period):
        raise SettingsError("mail", f"{period} is a week or a day", fix="Letters go out with a month, like 2026-10")
    chosen = showback(workspace, period, progress, today).period
    current = current_run(workspace)
    assert current is not None
    is_estimate = is_running(current, chosen, today)
    return write_letters(workspace, chosen, is_estimate=is_estimate, send=send, progress=progress)


def newest_period(run_folder: Path) -> str | None:
    """The newest billing period with charges in a published run."""
    with duckdb.connect(str(run_folder / "marts.duckdb"), read_only=True) as con:
        row = con.execute("select max(billing_period) from fct_chargeback").fetchone()
    return str(row[0]) if row and row[0] else None


@dataclass(frozen=True)
class ProviderTotals:
    """One provider's money in one currency over all published months, on one cost basis."""

    provider: str
    currency: str
    basis: str  # billed | effective
    invoice: Decimal | None
    ledger: Decimal
    allocated: Decimal
    statements: Decimal
    difference: Decimal  # the largest difference of any stage, source and month


@dataclass(frozen=True)
class CostCenterChange:
    cost_center_id: str
    name: str
    amount: Decimal
    previous: Decimal | None


@dataclass(frozen=True)
class Overview:
    period: str | None
    currency: str
    totals: list[ProviderTotals]
    top: list[CostCenterChange]
    unallocated: Decimal | None  # share of the period's effective cost
    unconverted: list[str]  # currencies without a rate in the period


_TOTALS = """
with providers as (
    select x_source, case when count(distinct provider) = 1 then min(provider) end as provider
    from fct_daily_costs group by x_source
),
per_source as (
    select x_source, currency, replace(metric, '_cost', '') as basis,
        sum(source_total) filter (stage = 'statement') as invoice,
        sum(ledger_total) filter (stage = 'statement') as ledger,
        sum(allocated_total) filter (stage = 'statement') as allocated,
        sum(statement_total) filter (stage = 'statement') as statements,
        max(abs(difference)) filter (stage <> 'rounding') as difference
    from fct_reconciliation where stage not like 'invoice%' group by all
)
select coalesce(provider, x_source) as provider, currency, basis,
    sum(invoice), sum(ledger), sum(allocated), sum(statements), max(difference)
from per_source left join providers using (x_source)
group by 1, 2, 3
order by 3, 1, 2
"""

_TOP = """
with amounts as (
    select cost_center_id, billing_period, sum(amount_reporting) as amount
    from fct_chargeback where cost_center_id not like '~%' group by all
),
names as (
    select cost_center_id, max_by(name, valid_from) as name from dim_cost_centers group by 1
)
select a.cost_center_id, coalesce(n.name, a.cost_center_id), a.amount, b.amount
from amounts as a
left join amounts as b on a.cost_center_id = b.cost_center_id and b.billing_period = ?
left join names as n on a.cost_center_id = n.cost_center_id
where a.billing_period = ? and a.amount is not null
order by a.amount desc limit 5
"""


def overview(run_folder: Path) -> Overview:
    """What a run is summed up by: reconciliation per provider, the top cost centres, the unallocated share."""
    with duckdb.connect(str(run_folder / "marts.duckdb"), read_only=True) as con:
        currency = str(_one(con, "select reporting_currency from publish_info"))
        period = _one(con, "select max(billing_period) from fct_chargeback")
        totals = [ProviderTotals(*row) for row in con.execute(_TOTALS).fetchall()]
        previous = _one(con, "select max(billing_period) from fct_chargeback where billing_period < ?", [period])
        top = [CostCenterChange(*row) for row in con.execute(_TOP, [previous, period]).fetchall()]
        share = con.execute(
            "select sum(amount_reporting) filter (cost_center_id = '~unallocated'), sum(amount_reporting) "
            "from fct_chargeback where billing_period = ?",
            [period],
        ).fetchone()
        missing = [
            str(row[0])
            for row in con.execute(
                "select distinct currency from fct_chargeback where billing_period = ? and amount_reporting is null "
                "order by 1",
                [period],
            ).fetchall()
        ]
    unallocated = (share[0] or Decimal(0)) / share[1] if share and share[1] else None
    return Overview(str(period) if period else None, currency, totals, top, unallocated, missing)


def _one(con: duckdb.DuckDBPyConnection, sql: str, parameters: list[object] | None = None) -> object:
    row = con.execute(sql, parameters or []).fetchone()
    return row[0] if row else None
