"""What `finops status` tells: sources, deliveries, the published run, what is wrong and the next command."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

import duckdb

from pipelines.invoices import awaited_invoices
from pipelines.landing.deliveries import landed_deliveries
from pipelines.learned import Learned, learned
from pipelines.outputs.publish import current_run
from pipelines.rates import unrated_costs
from pipelines.settings import Workspace, periods_in


@dataclass(frozen=True)
class SourceState:
    name: str
    format: str
    first: str | None  # billing periods, YYYY-MM
    last: str | None
    months: int
    rows: int
    gaps: list[str]  # months without a delivery between the first and the last


@dataclass(frozen=True)
class WorkspaceState:
    sources: list[SourceState]
    published: str | None
    problems: list[str]
    next_command: str
    missing_invoices: list[str]  # of months that are over
    learned: Learned  # by the published run: completeness, restatements and columns since the run before

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def workspace_status(workspace: Workspace, today: date | None = None) -> WorkspaceState:
    """The state of a workspace from its files and published marts alone; nothing is read from a provider."""
    deliveries = landed_deliveries(workspace)
    sources = []
    problems = []
    for source in workspace.sources:
        own = sorted((d for d in deliveries if d.source == source.name), key=lambda d: d.billing_period)
        months = [d.billing_period for d in own]
        gaps = [m for m in periods_in(f"{months[0]}..{months[-1]}") if m not in months] if months else []
        first, last = (months[0], months[-1]) if months else (None, None)
        sources.append(SourceState(source.name, source.format, first, last, len(own), sum(d.rows for d in own), gaps))
        if not own:
            problems.append(f"{source.name}: nothing has landed yet")
        if gaps:
            problems.append(f"{source.name}: no delivery for {', '.join(gaps)}")
    for reasons in sorted(workspace.quarantine.glob("*/*/reasons.json")):
        held = f"{reasons.parent.parent.name} {reasons.parent.name}"
        problems.append(f"{held}: in quarantine: {'; '.join(json.loads(reasons.read_text('utf-8')))}")
    current = current_run(workspace)
    awaited: list[str] = []
    if current:
        with duckdb.connect(str(current / "marts.duckdb"), read_only=True) as marts:
            tables = {row[0] for row in marts.execute("select table_name from duckdb_tables()").fetchall()}
            if "fct_invoice_reconciliation" in tables:  # else published by an older version
                awaited = awaited_invoices(marts, today or datetime.now(UTC).date())
    unrated = unrated_costs(workspace)
    problems += [str(unrated)] if unrated else []
    if not workspace.sources:
        next_command = f"name a source in {workspace.root / 'finops.toml'}"
    else:
        next_command = "finops run" if problems or not current else "finops showback"
    news = learned(workspace, current) if current else Learned()
    for month in news.open_months:
        if month.missing_days and next_command == "finops showback":
            next_command = f"finops land {month.source} --period {month.billing_period}"
    return WorkspaceState(sources, current.name if current else None, problems, next_command, awaited, news)
