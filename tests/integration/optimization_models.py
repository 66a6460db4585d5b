"""The rules on signals and charges of a few rows: compiled by dbt once, run by DuckDB in a moment.

Signals go through the landed files of every build; charges stand for the ledger.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.build import register_deliveries
from pipelines.dbt_command import run_dbt
from pipelines.landing.decision_files import FILES
from pipelines.landing.decisions import land_decisions
from pipelines.landing.usage.tables import SCHEMAS, register_usage, write_partition
from pipelines.settings import Settings, Workspace
from tests.integration.allocation_models import in_order

TODAY = date(2026, 10, 31)
_ASKED = ["+int_optimization__candidates", "+dim_resource_inventory"]
_LEDGER = ["int_focus__charges", "fct_daily_costs"]


@dataclass(frozen=True)
class Bill:
    """What one meter of a resource costs each day of October (or of `days`), at one price."""

    resource: str | None
    meter: str
    cost: str  # per day: contracted, and effective unless that is given
    quantity: str = "24"
    effective: str | None = None
    listed: str | None = None
    provider: str = "aws"
    service: str = "Amazon Elastic Compute Cloud"
    region: str = "eu-west-1"
    account: str = "111111111111"
    currency: str = "USD"
    unit: str = "Hours"
    status: str | None = None
    product: str | None = None  # the charge's description
    category: str = "Standard"
    tags: dict[str, str] = field(default_factory=dict)
    price_id: str | None = None  # where a meter has several prices, such as tiers
    first: date = date(2026, 10, 1)
    last: date = TODAY


@dataclass
class Signals:
    """Days of inventory, metrics and collection. Every day that has inventory counts as looked at everywhere."""

    inventory: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    collection: list[dict[str, Any]] | None = None

    def resource(self, resource_id: str, resource_type: str, **values: Any) -> Signals:
        """A resource on the last day, or on the days of `on`."""
        days = values.pop("on", [TODAY])
        for day in days:
            defaults = {
                "source": "signals",
                "provider": "aws",
                "account_id": "111111111111",
                "region": "eu-west-1",
                "created_at": datetime(2025, 1, 1),
            }
            self.inventory.append(
                defaults | {"day": day, "resource_id": resource_id, "resource_type": resource_type} | values
            )
        return self

    def hours(self, resource_id: str, metric: str, value: Any, days: int = 14, **values: Any) -> Signals:
        """Hourly datapoints up to the last day: `value`, or a function of the hour's number, average and maximum alike.

        A function may return None: no datapoint.
        """
        start = datetime(TODAY.year, TODAY.month, TODAY.day) - timedelta(days=days - 1)
        for number in range(days * 24):
            hour = start + timedelta(hours=number)
            found = value(number) if callable(value) else value
            if found is None:
                continue
            average, peak = found if isinstance(found, tuple) else (found, found)
            self.metrics.append(
                {
                    "source": "signals",
                    "day": hour.date(),
                    "provider": "aws",
                    "resource_id": resource_id,
                    "metric": metric,
                    "hour": hour,
                    "avg": float(average),
                    "max": float(peak),
                    "sum": float(average),
                    "sample_count": 12,
                }
                | values
            )
        return self


class OptimizationModels:
    """Finds candidates as a build does; every call starts from nothing."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root, Settings())
        self.workspace.landing.mkdir(parents=True)
        land_decisions(self.workspace)
        register_deliveries(self.workspace)
        run_dbt(self.workspace, ["compile", "--select", *_ASKED, "--exclude", *[f"+{name}" for name in _LEDGER]])
        manifest = json.loads((root / ".dbt" / "target" / "manifest.json").read_text("utf-8"))
        nodes = manifest["nodes"].values()
        self._seeds = [n for n in nodes if n["resource_type"] == "seed"]
        compiled = {
            i: n for i, n in manifest["nodes"].items() if n["resource_type"] == "model" and n.get("compiled_code")
        }
        self._models = [compiled[node_id] for node_id in in_order(compiled)]

    @contextmanager
    def on(
        self, signals: Signals, bills: list[Bill] = (), thresholds: list[str] = (), licences: list[str] = ()
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to a warehouse that was built on these."""
        self._land(signals, thresholds, licences)
        with duckdb.connect() as con:
            con.execute("attach ':memory:' as warehouse")
            con.execute("use warehouse")
            con.execute("create schema main_reference")
            used = {d for m in self._models for d in m["depends_on"]["nodes"]}
            for seed in self._seeds:
                if seed["unique_id"] in used:
                    path = Path(seed["root_path"]) / seed["original_file_path"]
                    types = {k: v.replace("string", "varchar") for k, v in seed["config"]["column_types"].items()}
                    con.execute(f"create table {seed['relation_name']} as from read_csv('{path}', columns = {types})")
            _write_ledger(con, bills)
            for model in self._models:
                kind = "view" if model["config"]["materialized"] == "view" else "table"
                con.execute(f"create {kind} {model['relation_name']} as {model['compiled_code']}")
            yield con

    def found(
        self,
        signals: Signals,
        bills: list[Bill] = (),
        thresholds: list[str] = (),
        columns: str = "",
        licences: list[str] = (),
    ) -> list:
        """Rule and resource of every candidate, and `columns` where asked for."""
        with self.on(signals, bills, thresholds, licences) as con:
            asked = ", ".join(filter(None, ["rule_id", "resource_id", columns]))
            return con.execute(f"select {asked} from int_optimization__candidates order by all").fetchall()

    def _land(self, signals: Signals, thresholds: list[str], licences: list[str]) -> None:
        folder = self.workspace.decisions
        folder.mkdir(exist_ok=True)
        for name, decided in (("rule_thresholds", thresholds), ("licence_entitlements", licences)):
            (folder / f"{name}.csv").write_text("\n".join([",".join(FILES[name]), *decided, ""]), "utf-8")
        land_decisions(self.workspace)
        for table in SCHEMAS:
            shutil.rmtree(self.workspace.landing / "usage" / table / "source=signals", ignore_errors=True)
        looks = signals.collection
        if looks is None:
            looks = [
                {"source": "signals", "day": day, "account_id": "*", "region": "*", "signal": "*", "status": "ok"}
                for day in {row["day"] for row in signals.inventory}
            ]
        for table, given in (("inventory", signals.inventory), ("metrics", signals.metrics), ("collection", looks)):
            by_day: dict[date, list[dict[str, Any]]] = defaultdict(list)
            for row in given:
                known = {**row, "tags": json.dumps(row["tags"])} if isinstance(row.get("tags"), dict) else row
                by_day[row["day"]].append(known)
            for day, rows in by_day.items():
                schema = SCHEMAS[table]
                columns = {f.name: [row.get(f.name) for row in rows] for f in schema}
                write_partition(self.workspace, table, "signals", day, pa.table(columns, schema=schema))
        register_usage(self.workspace)


def _write_ledger(con: duckdb.DuckDBPyConnection, bills: list[Bill]) -> None:
    money = pa.decimal128(28, 12)
    types = {
        "x_provider": pa.string(), "x_source": pa.string(), "billing_account_id": pa.string(),
        "sub_account_id": pa.string(), "region_id": pa.string(), "resource_id": pa.string(),
        "service_name": pa.string(), "sku_meter": pa.string(), "sku_price_id": pa.string(),
        "charge_description": pa.string(),
        "pricing_category": pa.string(), "pricing_unit": pa.string(), "commitment_discount_status": pa.string(),
        "commitment_discount_id": pa.string(),
        "charge_class": pa.string(), "charge_category": pa.string(), "billing_currency": pa.string(),
        "charge_period_start": pa.timestamp("us"), "x_billing_period": pa.string(),
        "x_delivery_version": pa.string(),
        "pricing_quantity": pa.decimal128(38, 12), "effective_cost": money, "contracted_cost": money,
        "list_cost": money, "billed_cost": money, "tags": pa.string(),
    }  # fmt: skip
    rows = [
        {
            "x_provider": bill.provider,
            "x_source": f"{bill.provider}-bill",
            "billing_account_id": "payer",
            "sub_account_id": bill.account,
            "region_id": bill.region,
            "resource_id": bill.resource,
            "service_name": bill.service,
            "sku_meter": bill.meter,
            "sku_price_id": bill.price_id or f"{bill.meter} {bill.product}",
            "charge_description": bill.product,
            "pricing_category": "Committed" if bill.status else bill.category,
            "pricing_unit": bill.unit,
            "commitment_discount_status": bill.status,
            "commitment_discount_id": "sp-1" if bill.status else None,
            "charge_class": None,
            "charge_category": "Usage",
            "billing_currency": bill.currency,
            "charge_period_start": datetime(bill.first.year, bill.first.month, bill.first.day) + timedelta(days=offset),
            "x_billing_period": (bill.first + timedelta(days=offset)).strftime("%Y-%m"),
            "x_delivery_version": (bill.first + timedelta(days=offset)).strftime("%Y-%m"),
            "pricing_quantity": Decimal(bill.quantity),
            "effective_cost": Decimal(bill.cost if bill.effective is None else bill.effective),
            "contracted_cost": Decimal(bill.cost),
            "list_cost": Decimal(bill.cost if bill.listed is None else bill.listed),
            "billed_cost": Decimal(bill.cost if bill.effective is None else bill.effective),
            "tags": json.dumps(bill.tags, sort_keys=True) if bill.tags else None,
        }
        for bill in bills
        for offset in range((bill.last - bill.first).days + 1)
    ]
    con.register("given", pa.Table.from_pylist(rows, pa.schema(types)))
    con.execute("create table int_focus__charges as select * from given")
    con.execute(
        "create table fct_daily_costs as select *, cast(charge_period_start as date) as charge_date, "
        "x_provider as provider, x_billing_period as billing_period, effective_cost as effective_cost_reporting, "
        "'key' as x_allocation_key from given"
    )
