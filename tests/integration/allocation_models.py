"""The allocation models on charges and decisions of a few rows: compiled by dbt once, run by DuckDB in a moment.

Charges stand for fct_daily_costs; decisions are CSV rows and go through the same reading, checks and landing as a
company's files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.build import register_deliveries
from pipelines.dbt_command import run_dbt
from pipelines.landing.decision_files import FILES
from pipelines.landing.decisions import land_decisions
from pipelines.plan import ALLOCATION, LEDGER
from pipelines.settings import Settings, Workspace

_MONEY = pa.decimal128(28, 12)
# One delivery per source and month of the given charges.
_DELIVERIES = """
select distinct x_source || billing_period as delivery_id, x_source || billing_period as delivery_version, x_source,
    provider as x_provider, 'focus' as dataset, billing_period, cast(1 as bigint) as row_count, false as has_amortized
from fct_daily_costs
"""
Decisions = dict[str, list[str]]
_MARTS = [
    "+fct_chargeback_journal",
    "+dim_fx_rates",
    "+fct_tag_coverage",
    "+fct_tag_suggestions",
    "+fct_unallocated_costs",
    "+fct_allocation_backtest",
]


@dataclass(frozen=True)
class Charge:
    """One day's cost, with what rules look at."""

    cost: str
    account: str | None = None
    service: str = "Compute"
    resource: str | None = None
    group: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    day: str = "2026-10-01"
    kind: str = "cost"
    category: str = "Usage"
    status: str | None = None  # of a commitment discount: Used or Unused
    commitment: str | None = None
    contracted: str | None = None  # without commitment discounts; the cost itself when None
    billed: str | None = None
    source: str = "s"
    currency: str = "USD"


class AllocationModels:
    """Allocates charges by decisions as a build does; every call starts from nothing."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root, Settings())
        self.workspace.landing.mkdir(parents=True)
        land_decisions(self.workspace)
        register_deliveries(self.workspace)
        run_dbt(self.workspace, ["compile", *ALLOCATION, *_MARTS, "--exclude", *LEDGER])
        manifest = json.loads((root / ".dbt" / "target" / "manifest.json").read_text("utf-8"))
        self._seeds = [
            n for n in manifest["nodes"].values() if n["resource_type"] == "seed" and n["name"] == "currencies"
        ]
        models = {
            i: n for i, n in manifest["nodes"].items() if n["resource_type"] == "model" and n.get("compiled_code")
        }
        self._models = [models[node_id] for node_id in in_order(models)]

    @contextmanager
    def allocated(self, charges: list[Charge], decisions: Decisions) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to a warehouse that holds these charges, allocated."""
        self.decide(decisions)
        with duckdb.connect() as con:
            con.execute("attach ':memory:' as warehouse")
            con.execute("use warehouse")
            _write_costs(con, charges)
            for _, statement in self.creations():
                con.execute(statement)
            yield con

    def decide(self, decisions: Decisions) -> None:
        folder = self.workspace.decisions
        folder.mkdir(exist_ok=True)
        for name, columns in FILES.items():
            rows = "\n".join([",".join(columns), *decisions.get(name, []), ""])
            (folder / f"{name}.csv").write_text(rows, "utf-8")
        land_decisions(self.workspace)

    def creations(self) -> Iterator[tuple[str, str]]:
        """Name and statement of everything that follows from fct_daily_costs, in order."""
        for seed in self._seeds:
            path = Path(seed["root_path"]) / seed["original_file_path"]
            yield seed["name"], f"create schema if not exists {seed['schema']}"
            yield seed["name"], f"create table {seed['relation_name']} as from read_csv('{path}')"
        for model in self._models:
            kind = "view" if model["config"]["materialized"] == "view" else "table"
            sql = _DELIVERIES if model["name"] == "stg_finops__deliveries" else model["compiled_code"]
            yield model["name"], f"create {kind} {model['relation_name']} as {sql}"

    def bill(self, charges: list[Charge], decisions: Decisions, where: str = "true") -> dict[str, Decimal]:
        """Who pays how much effective cost, to the last decimal; nobody pays 0."""
        with self.allocated(charges, decisions) as con:
            rows = con.execute(
                f"select cost_center_id, sum(allocated_cost) from fct_allocated_costs where {where} "
                "group by 1 having sum(allocated_cost) <> 0 order by 1"
            ).fetchall()
        return dict(rows)


def in_order(models: dict[str, dict]) -> list[str]:
    ordered: list[str] = []
    waiting = dict(models)
    while waiting:
        ready = [i for i, n in waiting.items() if not set(n["depends_on"]["nodes"]) & set(waiting)]
        ordered += ready
        waiting = {i: n for i, n in waiting.items() if i not in ready}
    return ordered


def _write_costs(con: duckdb.DuckDBPyConnection, charges: list[Charge]) -> None:
    rows = [
        {
            "charge_date": c.day,
            "billing_period": c.day[:7],
            "provider": "other",
            "x_source": c.source,
            "billing_account_id": "payer",
            "sub_account_id": c.account,
            "sub_account_name": c.account,
            "service_name": c.service,
            "service_category": "Compute",
            "region_id": None,
            "resource_id": c.resource,
            "x_resource_group": c.group,
            "charge_category": c.category,
            "charge_class": "Correction" if c.kind == "correction" else None,
            "commitment_discount_status": c.status,
            "commitment_discount_id": c.commitment,
            "charge_kind": c.kind,
            "billing_currency": c.currency,
            "billed_cost": Decimal(c.cost if c.billed is None else c.billed),
            "effective_cost": Decimal(c.cost),
            "contracted_cost": Decimal(c.cost if c.contracted is None else c.contracted),
            "tags": json.dumps(c.tags, sort_keys=True) if c.tags else None,
            "x_allocation_key": repr((sorted(c.tags.items()), c.account, c.resource, c.group, c.service)),
            "cost_version": c.source + c.day[:7],
        }
        for c in charges
    ]
    money = ("billed_cost", "effective_cost", "contracted_cost")
    schema = pa.schema([(name, _MONEY if name in money else pa.string()) for name in rows[0]])
    con.register("given", pa.Table.from_pylist(rows, schema))
    con.execute(
        "create table fct_daily_costs as select * replace (cast(charge_date as date) as charge_date) from given"
    )
    con.execute("create table int_focus__late_months (x_delivery_version varchar, usage_period varchar)")
