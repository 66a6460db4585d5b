"""What pending decisions would move, before they apply: per cost centre and month, and by the rule that moves it.

Pending is what differs between the decision files now and those of the published run. The allocation models run on the
published run's costs in a warehouse of their own under .scratch/plan, so nothing but decisions can make a difference,
and neither the work database nor published marts are touched.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from pipelines.dbt_command import run_dbt
from pipelines.errors import FinopsError
from pipelines.inputs import models_version
from pipelines.landing.books import register_books
from pipelines.landing.decisions import land_decisions
from pipelines.landing.deliveries import locked
from pipelines.learned import RuleGap, rule_gaps_in
from pipelines.outputs.plan_files import write_plan
from pipelines.outputs.publish import current_run
from pipelines.settings import Workspace

# Everything that follows from decisions, and nothing that reads a delivery.
ALLOCATION = ["--select", "+fct_chargeback", "+fct_allocation_gaps", "+int_currency__missing_rates"]
LEDGER = [f"path:models/staging/{place}" for place in ("aws", "azure", "gcp", "focus")]
LEDGER += ["path:models/intermediate/focus", "fct_daily_costs"]
_DERIVED = ("rule_row", "rule_version", "claims_from", "claims_to")  # columns that no decision file has
_APART = "Nothing was changed"


class PlanError(FinopsError):
    """A plan could not be made; nothing was changed."""


@dataclass(frozen=True)
class FileChange:
    """A decision file that is not what the published run was built with."""

    decision: str
    rows_before: int
    rows_after: int
    rows_added: int | None  # None when the rows of the published run are no longer known
    rows_removed: int | None
    decides_allocation: bool


@dataclass(frozen=True)
class Move:
    """A cost centre's statement of one month, before and after. Amounts are whole cents of `currency`."""

    billing_period: str
    posting_period: str  # whose statement shows the difference; of closed months the first open one
    status: str  # open | soft_closed | closed
    cost_center_id: str
    currency: str
    amount_before: Decimal
    amount_after: Decimal
    amount_moved: Decimal
    billed_moved: Decimal
    reporting_before: Decimal | None  # in the reporting currency; None without a rate
    reporting_after: Decimal | None


@dataclass(frozen=True)
class RuleMove:
    """The same by rule or pool, to the last decimal: why a statement moves. Of a month, cost centre and source."""

    billing_period: str
    cost_center_id: str
    x_source: str
    currency: str
    method: str
    rule_id: str
    cost_before: Decimal
    cost_after: Decimal
    cost_moved: Decimal
    billed_moved: Decimal


@dataclass(frozen=True)
class Plan:
    run_id: str  # the published run that the plan starts from
    changes: list[FileChange]
    moves: list[Move]
    rules: list[RuleMove]
    gaps: list[RuleGap]  # what split rules would name and not claim
    files: list[Path]

    @property
    def closed_periods(self) -> list[str]:
        """Closed months whose statements would differ."""
        return sorted({move.billing_period for move in self.moves if move.status == "closed"})

    def refuse_closed_months(self) -> None:
        """Raise PlanError when a closed month would differ: its statements stay, and only adjustments can follow."""
        if self.closed_periods:
            raise PlanError(
                "plan", f"the decisions would change closed months: {', '.join(self.closed_periods)}",
                "Their statements stay as they are",
                "Date the rows from the first open month (valid_from), or accept adjustments: `finops plan --adjust`",
            )  # fmt: skip

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"closed_periods": self.closed_periods}


def plan(workspace: Workspace, progress: Callable[[str], None] = lambda _: None) -> Plan:
    """Compute and write the plan of `decisions/`. Raises DecisionError for files that cannot be applied, and PlanError
    when there is nothing to compare with or the decisions could not be published."""
    current = current_run(workspace)
    if current is None:
        raise PlanError("plan", "nothing has been published yet", _APART, "Run `finops run` first")
    with locked(workspace, "plan"):
        trial = _trial(workspace)
        try:
            land_decisions(trial)
            register_books(trial)
            changes = _changed_files(workspace, trial, current)
            moves: list[Move] = []
            rules: list[RuleMove] = []
            gaps: list[RuleGap] = []
            if any(change.decides_allocation for change in changes):
                _check_same_models(workspace, current)
                progress("allocating the published costs by the decisions of now")
                _allocate(trial, current)
                moves, rules = _differences(trial, current)
                with duckdb.connect(str(trial.warehouse), read_only=True) as con:
                    gaps = rule_gaps_in(con)
            files = write_plan(workspace.reports / "plan", {"plan": (Move, moves), "plan-rules": (RuleMove, rules)})
        finally:
            _clear(trial)
    return Plan(current.name, changes, moves, rules, gaps, files)


def _trial(workspace: Workspace) -> Workspace:
    """A workspace of its own with a copy of the decisions; deliveries are not in it, books are linked."""
    trial = Workspace(workspace.scratch / "plan", workspace.settings)
    _clear(trial)
    trial.landing.mkdir(parents=True)
    if workspace.decisions.is_dir():
        shutil.copytree(workspace.decisions, trial.decisions)
    shutil.copytree(workspace.landing / "register", trial.landing / "register")
    if (workspace.landing / "books").is_dir():
        (trial.landing / "books").symlink_to(workspace.landing / "books")
    return trial


def _clear(trial: Workspace) -> None:
    """Remove what a plan leaves, but for what dbt has parsed: the next plan starts in half the time."""
    for path in trial.root.glob("*"):
        if path.name != ".dbt":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _changed_files(workspace: Workspace, trial: Workspace, current: Path) -> list[FileChange]:
    register = "register/decision_files.parquet"
    with duckdb.connect() as con:
        rows = con.execute(
            "select now.decision, coalesce(published.row_count, 0), now.row_count, now.decides_allocation, "
            "coalesce(landed.decision_hash = published.version, false) "
            f"from read_parquet('{trial.landing / register}') as now "
            f"left join read_parquet('{current / 'dim_decision_files.parquet'}') as published using (decision) "
            f"left join read_parquet('{workspace.landing / register}') as landed using (decision) "
            "where now.decision_hash is distinct from published.version order by 1"
        ).fetchall()
        changes = []
        for decision, before, after, decides, is_landed in rows:
            added = removed = None
            if is_landed:
                name = f"decisions/{decision}.parquet"
                added = _rows_only_in(con, trial.landing / name, workspace.landing / name)
                removed = _rows_only_in(con, workspace.landing / name, trial.landing / name)
            changes.append(FileChange(decision, before, after, added, removed, decides))
    return changes


def _rows_only_in(con: duckdb.DuckDBPyConnection, one: Path, other: Path) -> int:
    columns = [str(name) for name, *_ in con.execute(f"describe from read_parquet('{one}')").fetchall()]
    decided = ", ".join(f'"{name}"' for name in columns if name not in _DERIVED)
    row = con.execute(
        f"select count(*) from (select {decided} from read_parquet('{one}') "
        f"except all select {decided} from read_parquet('{other}'))"
    ).fetchone()
    return int(row[0]) if row else 0


def _check_same_models(workspace: Workspace, current: Path) -> None:
    with duckdb.connect(str(current / "marts.duckdb"), read_only=True) as con:
        info = con.execute("select * from publish_info").to_arrow_table().to_pylist()[0]
    if info.get("models_version") != models_version(workspace):
        raise PlanError(
            "plan", f"run {current.name} was published by other models (by another version or in another currency)",
            _APART, "Put the decisions back, run `finops run`, then plan again: so only decisions make the difference",
        )  # fmt: skip


def _allocate(trial: Workspace, current: Path) -> None:
    """Run the allocation models in the trial's own warehouse, on the costs of the published run."""
    with duckdb.connect(str(trial.warehouse)) as con:
        costs = current / "fct_daily_costs.parquet"
        con.execute(f"create view fct_daily_costs as select * from read_parquet('{costs}')")
        # Only the ledger asks what a delivery takes from others.
        con.execute("create table int_focus__late_months (x_delivery_version varchar, usage_period varchar)")
    run_dbt(trial, ["build", *ALLOCATION, "--exclude", *LEDGER, "--exclude-resource-type", "test", "unit_test"])
    with duckdb.connect(str(trial.warehouse), read_only=True) as con:
        missing = con.execute("select * from int_currency__missing_rates order by all").fetchall()
    if missing:
        period, currency, pool = missing[0]
        reporting = trial.settings.workspace.reporting_currency
        raise PlanError(
            "decisions/fx_rates.csv",
            f"has no rate {currency} to {reporting} for {period}, and pool {pool} mixes currencies in that month",
            "The change could not be published as it is", "Add the rate, or share the pool in another way",
        )  # fmt: skip


_MOVES = """
with sides as (
    select billing_period, cost_center_id, currency, 'before' as side, amount, billed_amount, amount_reporting
    from published.fct_chargeback
    union all
    select billing_period, cost_center_id, currency, 'after' as side, amount, billed_amount, amount_reporting
    from trial.fct_chargeback
),
compared as (
    select billing_period, cost_center_id, currency,
        coalesce(sum(amount) filter (side = 'before'), 0)::decimal(28, 12) as amount_before,
        coalesce(sum(amount) filter (side = 'after'), 0)::decimal(28, 12) as amount_after,
        (coalesce(sum(billed_amount) filter (side = 'after'), 0)
            - coalesce(sum(billed_amount) filter (side = 'before'), 0))::decimal(28, 12) as billed_moved,
        (sum(amount_reporting) filter (side = 'before'))::decimal(28, 12) as reporting_before,
        (sum(amount_reporting) filter (side = 'after'))::decimal(28, 12) as reporting_after
    from sides group by all
)
select billing_period,
    case when periods.status = 'closed' then periods.first_open_period else billing_period end,
    coalesce(periods.status, 'open'), cost_center_id, currency,
    amount_before, amount_after, (amount_after - amount_before)::decimal(28, 12), billed_moved,
    reporting_before, reporting_after
from compared left join trial.int_books__periods as periods using (billing_period)
where amount_before <> amount_after or billed_moved <> 0 or reporting_before is distinct from reporting_after
order by billing_period, cost_center_id, currency
"""

_RULES = """
with sides as (
    select billing_period, cost_center_id, x_source, currency, method, rule_id,
        allocated_cost as before, 0::decimal(28, 12) as after, -allocated_billed_cost as billed
    from published.fct_allocated_costs
    union all
    select billing_period, cost_center_id, x_source, currency, method, rule_id,
        0, allocated_cost, allocated_billed_cost
    from trial.fct_allocated_costs
)
select billing_period, cost_center_id, x_source, currency, method, rule_id, sum(before)::decimal(28, 12),
    sum(after)::decimal(28, 12), sum(after - before)::decimal(28, 12), sum(billed)::decimal(28, 12)
from sides group by all
having sum(after) <> sum(before) or sum(billed) <> 0
order by all
"""


def _differences(trial: Workspace, current: Path) -> tuple[list[Move], list[RuleMove]]:
    with duckdb.connect() as con:
        con.execute(f"attach '{current / 'marts.duckdb'}' as published (read_only)")
        con.execute(f"attach '{trial.warehouse}' as trial (read_only)")
        moves = [Move(*row) for row in con.execute(_MOVES).fetchall()]
        rules = [RuleMove(*row) for row in con.execute(_RULES).fetchall()]
    totals: dict[tuple[str, str], Decimal] = {}
    for move in moves:
        key = (move.billing_period, move.currency)
        totals[key] = totals.get(key, Decimal(0)) + move.amount_moved
    lost = [f"{period} {total.normalize():f} {currency}" for (period, currency), total in totals.items() if total]
    if lost:
        raise PlanError(
            "plan", f"does not conserve the published costs: {', '.join(lost)} too much or too little", _APART,
            "Run `finops run` with the decisions as they were, so that costs and deliveries are of one run",
        )  # fmt: skip
    return moves, rules
