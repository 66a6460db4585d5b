"""What the newest published run learned: open months, restatements, columns, anomalies, budgets at risk."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from pipelines.settings import Workspace


@dataclass(frozen=True)
class OpenMonth:
    source: str
    billing_period: str
    missing_days: int
    why_not: str


@dataclass(frozen=True)
class Restated:
    """One month of one source, over all deliveries that came since the run before."""

    source: str
    billing_period: str
    currency: str
    billed_difference: Decimal
    effective_difference: Decimal
    days: int
    learned_at: datetime


@dataclass(frozen=True)
class ChangedColumns:
    source: str
    billing_period: str
    came: int
    went: int
    retyped: int
    lost_contract_columns: list[str]  # columns that the ledger reads and that are NULL from now on


@dataclass(frozen=True)
class Unusual:
    """One anomaly that is not over; impact in billing currency, of all its days so far."""

    anomaly_id: str
    first_seen: date
    impact: Decimal
    currency: str
    severity: str
    root_cause: str | None


@dataclass(frozen=True)
class BudgetAtRisk:
    """One running or coming budget that is more likely than not to be overrun."""

    budget_id: str
    period: str
    expected: Decimal
    amount: Decimal
    currency: str
    probability: Decimal


@dataclass(frozen=True)
class BudgetWithoutCosts:
    """One whose scope no bill names: most likely it is misspelt in budgets.csv."""

    budget_id: str
    period: str
    scope: str
    scope_value: str


@dataclass(frozen=True)
class RuleGap:
    """Days on which a split rule claims nothing, as one of its cost centres does not exist, and nobody else claims."""

    rule_id: str
    cost_center_id: str
    currency: str
    first_day: date
    last_day: date
    cost: Decimal

    @property
    def sentence(self) -> str:
        return (
            f"rule {self.rule_id} splits with {self.cost_center_id}, which does not exist on {self.first_day} to "
            f"{self.last_day}: it claims none of {self.cost:,.2f} {self.currency} of these days; end it and begin one "
            "without that cost centre (valid_to, valid_from in allocation_rules.csv)"
        )


def rule_gaps_in(con: duckdb.DuckDBPyConnection) -> list[RuleGap]:
    """The gaps that a warehouse or a published run holds, the dearest first."""
    rows = con.execute(
        "select rule_id, cost_center_id, currency, min(first_day), max(last_day), sum(unclaimed_cost) "
        "from fct_allocation_gaps group by all order by abs(sum(unclaimed_cost)) desc, 1, 2, 3"
    ).fetchall()
    return [RuleGap(*row) for row in rows]


@dataclass(frozen=True)
class Learned:
    open_months: list[OpenMonth] = field(default_factory=list)
    restated: list[Restated] = field(default_factory=list)
    columns: list[ChangedColumns] = field(default_factory=list)
    unusual: list[Unusual] = field(default_factory=list)
    budgets: list[BudgetAtRisk] = field(default_factory=list)
    unnamed: list[BudgetWithoutCosts] = field(default_factory=list)
    gaps: list[RuleGap] = field(default_factory=list)

    def lines(self, most: int = 4) -> list[tuple[str, str]]:
        """Label and sentence for each finding, at most `most` per label."""
        found = {
            "Open": [f"{month.source} {month.billing_period}: {month.why_not}" for month in self.open_months],
            "Restated": [
                f"{one.source} {one.billing_period}: billed {one.billed_difference:+,.2f}, effective "
                f"{one.effective_difference:+,.2f} {one.currency} on {one.days} day(s), learned "
                f"{one.learned_at:%Y-%m-%d %H:%M} UTC"
                for one in self.restated
            ],
            "Columns": [
                f"{one.source} {one.billing_period}: {one.came} came, {one.went} went, {one.retyped} changed type"
                + (f"; the ledger misses {', '.join(one.lost_contract_columns)}" if one.lost_contract_columns else "")
                for one in self.columns
            ],
            "Rules": [one.sentence for one in self.gaps],
            "Unusual": [
                f"{one.impact:+,.2f} {one.currency} since {one.first_seen}, {one.severity}: "
                f"{one.root_cause or 'no single cause'} (anomaly {one.anomaly_id})"
                for one in self.unusual
            ],
            "Budgets": [
                f"{one.budget_id} {one.period}: no bill names {one.scope} '{one.scope_value}'; see budgets.csv"
                for one in self.unnamed
            ]
            + [
                f"{one.budget_id} {one.period}: {one.expected:,.0f} expected of {one.amount:,.0f} {one.currency}, "
                f"overrun {100 * one.probability:.0f} % likely"
                for one in self.budgets
            ],
        }
        marts = {
            "Open": "rpt_close_readiness",
            "Restated": "fct_restatements",
            "Columns": "fct_schema_changes",
            "Rules": "fct_allocation_gaps",
            "Unusual": "fct_cost_anomalies",
            "Budgets": "fct_budget_status",
        }
        lines = []
        for label, sentences in found.items():
            lines += [(label, sentence) for sentence in sentences[:most]]
            if len(sentences) > most:
                lines.append((label, f"and {len(sentences) - most} more in {marts[label]}"))
        return lines


def learned(workspace: Workspace, current: Path) -> Learned:
    """What `current` says that the run published before it did not know; all of it when there is no run before."""
    since = _published_at(_run_before(workspace, current))
    with duckdb.connect(str(current / "marts.duckdb"), read_only=True) as con:
        tables = {row[0] for row in con.execute("select table_name from duckdb_tables()").fetchall()}
        if not {"rpt_close_readiness", "fct_restatements", "fct_schema_changes"} <= tables:
            return Learned()  # published by an older version
        open_months = con.execute(
            "select x_source, billing_period, missing_days, why_not from rpt_close_readiness "
            "where not is_safe_to_close order by missing_days = 0, billing_period desc, x_source"
        ).fetchall()
        restated = con.execute(
            "select x_source, billing_period, billing_currency, sum(billed_difference), sum(effective_difference), "
            "count(distinct charge_date), max(landed_at) from fct_restatements where landed_at >= ? group by 1, 2, 3 "
            "order by abs(sum(billed_difference)) desc, 1, 2, 3",
            [since],
        ).fetchall()
        columns = con.execute(
            "select x_source, billing_period, count(*) filter (change = 'came'), count(*) filter (change = 'went'), "
            "count(*) filter (change = 'retyped'), "
            "coalesce(list(column_name order by column_name) filter (severity = 'warning'), []) "
            "from fct_schema_changes where landed_at >= ? group by 1, 2 order by 2 desc, 1",
            [since],
        ).fetchall()
        outlook = _outlook(con) if {"fct_cost_anomalies", "fct_budget_status"} <= tables else ([], [], [])
        gaps = rule_gaps_in(con) if "fct_allocation_gaps" in tables else []
    return Learned(
        [OpenMonth(*row) for row in open_months],
        [Restated(*row) for row in restated],
        [ChangedColumns(*row) for row in columns],
        *outlook,
        gaps,
    )


def _outlook(con: duckdb.DuckDBPyConnection) -> tuple[list[Unusual], list[BudgetAtRisk], list[BudgetWithoutCosts]]:
    unusual = con.execute(
        "select distinct anomaly_id, first_seen_date, impact_total, currency, severity, root_cause "
        "from fct_cost_anomalies where status in ('open', 'confirmed') order by abs(impact_total) desc, anomaly_id"
    ).fetchall()
    budgets = con.execute(
        "select budget_id, period, expected_cost, adjusted_amount, currency, overrun_probability "
        "from fct_budget_status "
        "where status in ('running', 'upcoming') and risk_level in ('high', 'critical') "
        "order by overrun_probability desc, expected_cost - adjusted_amount desc, budget_id, period"
    ).fetchall()
    unnamed = con.execute(
        "select budget_id, period, scope, scope_value from fct_budget_status "
        "where status = 'no_costs' and scope_value is not null order by all"
    ).fetchall()
    return (
        [Unusual(*row) for row in unusual],
        [BudgetAtRisk(*row) for row in budgets],
        [BudgetWithoutCosts(*row) for row in unnamed],
    )


def _run_before(workspace: Workspace, current: Path) -> Path | None:
    earlier = [path for path in workspace.published.iterdir() if path.is_dir() and path.name < current.name]
    runs = sorted(path for path in earlier if not path.is_symlink() and (path / "marts.duckdb").is_file())
    return runs[-1] if runs else None


def _published_at(run: Path | None) -> datetime:
    """When a run was published; the beginning of time without one."""
    if run is None:
        return datetime(1970, 1, 1)
    with duckdb.connect(str(run / "marts.duckdb"), read_only=True) as con:
        row = con.execute("select published_at from publish_info").fetchone()
    return row[0] if row else datetime(1970, 1, 1)
