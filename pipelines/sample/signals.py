"""Signals of the sample company: what its newest bills name, how busy it is, and the waste that is planted in it.

The answer stands in truth.json: which resource is waste by which rule and what of its cost ends; whatever else is there
is healthy.
Written as export files (exports/signals/<provider>/<table>/data.parquet), as any collector may leave them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.landing.usage.tables import SCHEMAS
from pipelines.sample.azure_cost_details import series_text
from pipelines.sample.estate import Account
from pipelines.sample.files import write_parquet
from pipelines.sample.fleet import Fleet, random_for
from pipelines.sample.meters import Meter
from pipelines.sample.months import Month, moment
from pipelines.sample.planted import PLANTS, planted_in

DAYS = 32  # of hourly metrics
PROVIDERS = {"aws-payer": "aws", "aws-acquired": "aws", "azure-ea": "azure", "gcp-main": "gcp"}
FUNCTION_MB = 1024
LOOKBACK_DAYS = 14  # how much of the metrics a rule about functions looks at
Row = dict[str, Any]
Levels = Sequence[tuple[str, float, float]]  # metric, its average and how much higher its peaks are


@dataclass(frozen=True)
class Resource:
    """A resource of a bill, in the words of the inventory."""

    provider: str
    account: Account
    region: str
    id: str
    kind: str  # of the plans below; TYPES says which resource type it is
    sku: str | None
    vcpu: int
    comes_instead: str | None = None  # the price that the bill of its region has for what would come instead
    month_cost: float = 0.0  # about, at contract prices
    pinned: str = ""  # what is planted in it, whatever its turn

    @property
    def type(self) -> str:
        return TYPES.get(self.kind, self.kind)


TYPES = {"windows": "vm", "licence": "db"}


# Which of a kind is planted, by turn: the first of each five machines is idle, and so on; the rest is healthy.
_PLANS: dict[tuple[str, str], tuple[str, ...]] = {
    ("aws", "vm"): ("idle", "", "large", "", "outdated", "", "node", "node"),
    ("aws", "disk"): ("unattached", "", "asleep"),
    ("aws", "nat"): ("silent", ""),
    ("aws", "db"): ("unused", "", "large", ""),
    ("aws", "lb"): ("empty", ""),
    ("aws", "function"): ("roomy", "", "x86"),
    ("aws", "cache"): ("outdated",),
    ("azure", "vm"): ("idle", "", "stopped", "bursty"),
    ("azure", "windows"): ("licensed",),
    ("azure", "licence"): ("licensed",),
    ("azure", "db"): ("unused", "", "large", ""),
    ("azure", "disk"): ("unattached", "", "asleep"),
    ("gcp", "vm"): ("idle", "", ""),
    ("gcp", "disk"): ("unattached", "", ""),
    ("gcp", "db"): ("unused", "", "large", ""),
    ("gcp", "warehouse"): ("slots", "", ""),
}
# Which rules must find a plant, and nothing else of it.
_RULES: dict[tuple[str, str, str], tuple[str, ...]] = {
    ("aws", "vm", "idle"): ("aws_ec2_idle",),
    ("aws", "vm", "large"): ("aws_ec2_rightsize",),
    ("aws", "vm", "outdated"): ("aws_ec2_generation", "aws_ec2_arm"),
    ("aws", "disk", "unattached"): ("aws_ebs_unattached",),
    ("aws", "disk", "asleep"): ("aws_disk_of_stopped",),
    ("aws", "nat", "silent"): ("aws_nat_idle",),
    ("aws", "db", "unused"): ("aws_rds_idle",),
    ("aws", "db", "large"): ("aws_rds_rightsize",),
    ("aws", "lb", "empty"): ("aws_lb_no_targets",),
    ("aws", "function", "roomy"): ("aws_lambda_memory",),
    ("aws", "function", "x86"): ("aws_lambda_arm",),
    ("aws", "cache", "outdated"): ("aws_cache_arm",),
    ("azure", "vm", "idle"): ("azure_vm_idle",),
    ("azure", "vm", "stopped"): ("azure_vm_not_deallocated",),
    ("azure", "vm", "bursty"): ("azure_vm_burstable",),
    ("azure", "windows", "licensed"): ("azure_windows_licence",),
    ("azure", "licence", "licensed"): ("azure_sql_licence",),
    ("azure", "db", "unused"): ("azure_sql_idle",),
    ("azure", "db", "large"): ("azure_sql_rightsize",),
    ("azure", "disk", "asleep"): ("azure_disk_of_stopped",),
    ("azure", "disk", "unattached"): ("azure_disk_unattached",),
    ("gcp", "vm", "idle"): ("gcp_vm_idle",),
    ("gcp", "disk", "unattached"): ("gcp_disk_unattached",),
    ("gcp", "db", "unused"): ("gcp_sql_idle",),
    ("gcp", "db", "large"): ("gcp_sql_rightsize",),
    ("gcp", "warehouse", "slots"): ("gcp_bigquery_slots",),
}
_OUTDATED = ("m5.", "c5.", "r5.", "cache.r5.")
NODE_PCT = 20.0  # of every node's capacity, what its pods are allocated
SLOTS = 30.0  # in one hour a day, of queries that are cheaper by slots; rented in steps of SLOT_STEP
SLOT_STEP, SLOT_DAYS = 50, 30
KEPT_DAYS = 90  # of an unattached disk's data: no bill here has a price of snapshots, so the disk itself is kept


def write_signals(
    exports: Path, fleets: list[Fleet], commitments: dict[str, list[Row]], months: tuple[Month, ...], seed: int
) -> list[Row]:
    """Write the signals of the last day of the billed `months` and the 32 days up to it; return the planted waste.

    What a rule can not tell yet from so short a bill is no truth. `commitments` are rows of that table per provider.
    """
    month, billed_days = months[-1], sum(month.days for month in months)
    truth: list[Row] = []
    tables: dict[str, dict[str, list[Row]]] = {}
    counts: dict[tuple[str, str], int] = {}
    nodes: dict[tuple[str, str, str], list[Resource]] = {}
    for fleet in fleets:
        rng = random_for(seed, fleet.estate.source, "signals")
        for resource in _resources(fleet, month):
            turn = counts.get((resource.provider, resource.kind), 0)
            counts[resource.provider, resource.kind] = turn + 1
            plans = _PLANS.get((resource.provider, resource.kind), ("",))
            plant = resource.pinned or plans[turn % len(plans)]
            if plant in ("large", "outdated") and resource.sku and resource.sku.startswith(("t3.", "p3.")):
                plant = ""
            if plant == "outdated" and not str(resource.sku).startswith(_OUTDATED):
                plant = ""
            if (plant == "bursty" and resource.sku != "D4s v5") or (plant == "slots" and not _is_dear(resource)):
                plant = ""
            if plant == "node":
                if str(resource.sku).startswith(("t3.", "p3.")):
                    plant = ""
                else:
                    group = (resource.account.id, resource.region, str(resource.sku))
                    nodes.setdefault(group, []).append(resource)
            into = tables.setdefault(resource.provider, {"inventory": [], "metrics": [], "collection": []})
            into["inventory"] += _inventory(resource, plant, month)
            hours = list(_metrics(resource, _levels(resource, plant), month, rng))
            into["metrics"] += hours
            truth += [
                {
                    "provider": resource.provider,
                    "resource_id": resource.id,
                    "rule_id": rule,
                    "share": _share(resource, plant, hours),
                    "instead_month": _instead(resource, plant),
                    "kept_days": KEPT_DAYS if plant in ("unattached", "asleep") else 0,
                }
                for rule in _RULES.get((resource.provider, resource.kind, plant), ())
            ]
        for planted, resource_id, region in planted_in(fleet, _ids(fleet)):
            provider = PROVIDERS[fleet.estate.source]
            account = next(known for known in fleet.estate.accounts if known.name == planted.account)
            resource = Resource(provider, account, region, resource_id, planted.kind, None, 0)
            into = tables.setdefault(provider, {"inventory": [], "metrics": [], "collection": []})
            if planted.kind:
                into["inventory"] += [row | dict(planted.inventory) for row in _inventory(resource, "", month)]
            into["metrics"] += _metrics(resource, planted.levels, month, rng)
            truth += [
                {
                    "provider": provider,
                    "resource_id": resource_id,
                    "rule_id": rule,
                    "share": shares,
                    "instead_month": None,
                    "kept_days": 0,
                }
                for rule, shares in planted.ends.items()
                if billed_days >= planted.billed_days
            ]
    truth += _spare_nodes(nodes)
    for provider, of_provider in tables.items():
        of_provider["commitments"] = commitments[provider]
        for day in sorted({row["day"] for row in of_provider["inventory"]}):
            of_provider["collection"].append(
                {"day": day, "account_id": "*", "region": "*", "signal": "*", "status": "ok"}
            )
        for table, rows in of_provider.items():
            schema = SCHEMAS[table]
            columns = {field.name: [row.get(field.name) for row in rows] for field in schema}
            write_parquet(exports / "signals" / provider / table / "data.parquet", pa.table(columns, schema=schema))
    return truth


def _resources(fleet: Fleet, month: Month) -> Iterator[Resource]:
    """What the month's bill names to its end and a rule could say something about."""
    provider = PROVIDERS[fleet.estate.source]
    ids = _ids(fleet)
    plants = {plant.name for plant in PLANTS}
    billed = {
        (fleet.estate.meters[row["meter"]].product, row["region"]): fleet.estate.meters[row["meter"]].price
        for series, row in enumerate(fleet.table.iter_rows(named=True))
        if fleet.first[series] < month.end
    }
    for series, row in enumerate(fleet.table.iter_rows(named=True)):
        if row["name"] in plants:
            continue
        meter = fleet.estate.meters[row["meter"]]
        kind, sku, vcpu = _kind(provider, meter)
        if kind and fleet.first[series] < month.start - 24 * 40 and fleet.last[series] > month.end:
            instead = billed.get((_INSTEAD.get(meter.product, ""), row["region"]))
            cost = float(fleet.daily[series]) * float(meter.price) * SLOT_DAYS
            account = fleet.estate.accounts[row["account"]]
            pinned = fleet.waste[series]
            yield Resource(provider, account, row["region"], ids[series], kind, sku, vcpu, instead, cost, pinned)


# Product of a meter → product of what would come instead.
_INSTEAD = {
    "Virtual Machines Dsv5 Series Windows": "Virtual Machines Dsv5 Series",
    "Virtual Machines Dsv5 Series": "Virtual Machines Bsv2 Series",
    "16B8-3DDA-9F10": "E1F2-77C1-54AB",  # BigQuery: by bytes → by slots
}


def _is_dear(resource: Resource) -> bool:
    """Its queries cost so much by bytes that slots are cheaper, however the month goes."""
    return resource.comes_instead is not None and resource.month_cost > 3 * float(_slots_month(resource.comes_instead))


def _slots_month(price: str) -> Decimal:
    """What the hours with queries cost a month by slots: whole steps."""
    return Decimal(price) * SLOT_STEP * SLOT_DAYS * 365 / 12 / SLOT_DAYS


def _spare_nodes(nodes: dict[tuple[str, str, str], list[Resource]]) -> list[Row]:
    """Nodes that their group does not need: its pods with a fifth of headroom fit fewer; production keeps two."""
    spare = []
    for group in nodes.values():
        least = 2 if group[0].account.environment == "prod" else 1
        needed = max(math.ceil(round(len(group) * NODE_PCT / 100 * 1.2, 6)), least)
        spare += sorted(group, key=lambda node: node.id)[: max(len(group) - needed, 0)]
    return [
        {"provider": node.provider, "resource_id": node.id, "rule_id": "aws_eks_nodes", "share": 1.0,
         "instead_month": None, "kept_days": 0}
        for node in spare
    ]  # fmt: skip


def _ids(fleet: Fleet) -> list[str]:
    if PROVIDERS[fleet.estate.source] == "azure":
        return list(series_text(fleet)["ResourceId"])
    return list(fleet.table["resource"])


def _kind(provider: str, meter: Meter) -> tuple[str, str | None, int]:
    name = meter.name
    if provider == "aws":
        if name.startswith("BoxUsage:") and meter.service == "AmazonEC2":
            return "vm", meter.group, 4
        if name.startswith("InstanceUsage:"):
            return "db", meter.group, 4
        if name == "NodeUsage:cache.r5.xlarge":
            return "cache", meter.group, 4
        known = {
            "EBS:VolumeUsage.gp3": "disk",
            "NatGateway-Bytes": "nat",
            "LCUUsage": "lb",
            "Lambda-GB-Second": "function",
        }
        return known.get(name, ""), None, 0
    if provider == "azure":
        if meter.service == "Virtual Machines" and not name.endswith("Spot"):
            return ("windows" if "Windows" in meter.product else "vm"), name, 4
        if meter.service == "SQL Database":
            return ("licence" if "License" in meter.product else "db"), "GP_Gen5_8", 8
        return ("disk", None, 0) if name == "P30 LRS Disk" else ("", None, 0)
    if " Instance Core running" in name and not name.startswith("Spot"):
        return "vm", "n2-standard-4" if name.startswith("N2") else "n1-standard-4", 4
    if "Zonal - vCPU" in name:
        return "db", "db-custom-4-16384", 4
    if name.startswith("Analysis"):
        return "warehouse", None, 0
    return ("disk", None, 0) if name == "Balanced PD Capacity" else ("", None, 0)


def _inventory(resource: Resource, plant: str, month: Month) -> Iterator[Row]:
    """The last day of the month, and a day 45 days before it: history that tells since when a disk is free."""
    waste = plant in ("unattached", "empty")
    state = {"vm": "running", "disk": "in_use", "db": "available"}.get(resource.type, "active")
    machine = f"{resource.id}-machine" if plant == "asleep" else None
    if plant == "unattached":
        state = "available"
    if plant == "stopped":
        state = "stopped"
    for back in (45, 0):
        yield {
            "day": month.last_day - timedelta(days=back),
            "account_id": resource.account.id,
            "region": resource.region,
            "resource_id": resource.id,
            "resource_name": resource.id.rsplit("/", 1)[-1].rsplit(":", 1)[-1],
            "resource_type": resource.type,
            "state": state,
            "created_at": datetime(2024, 3, 1),
            "sku": resource.sku,
            "vcpu": float(resource.vcpu) if resource.kind in TYPES else None,
            "os": ("windows" if resource.kind == "windows" else "linux") if resource.type == "vm" else None,
            "license_model": "included" if plant == "licensed" else None,
            "engine": "postgres" if resource.kind == "db" else None,
            "architecture": "x86_64" if resource.type == "vm" or plant == "x86" else None,
            "managed_by": "eks" if plant == "node" else None,
            "attached_to": f"{resource.account.name}-nodes" if plant == "node" else machine,
            # The healthy are covered by commitments of their family: no successor before those end.
            "purchase_option": "on_demand" if plant == "outdated" else "reserved",
            "size_gib": 500.0 if resource.kind == "disk" else None,
            "storage_type": "gp3" if resource.kind == "disk" and resource.provider == "aws" else None,
            "attached_count": 0 if waste else 1,
            "memory_mb": FUNCTION_MB if resource.kind == "function" else None,
            "tags": json.dumps({"environment": resource.account.environment}),
        }
        if machine:  # costs nothing any more, so no bill names it
            yield {
                "day": month.last_day - timedelta(days=back),
                "account_id": resource.account.id,
                "region": resource.region,
                "resource_id": machine,
                "resource_type": "vm",
                "state": "stopped" if resource.provider == "aws" else "deallocated",
                "created_at": datetime(2024, 3, 1),
            }


def _share(resource: Resource, plant: str, hours: list[Row]) -> float | None:
    """What of the resource's cost ends. None: no bill has the price of what would come instead."""
    if plant in ("outdated", "x86", "slots"):
        return None
    if plant == "bursty" or resource.kind == "windows":
        instead = resource.comes_instead
        return None if instead is None else float(1 - Decimal(instead) / Decimal(_PRICES[plant]))
    if plant == "large" and resource.provider == "azure":
        # Peaks of 15 % of 8 cores: two are enough; production goes one step, to six.
        return 0.25 if resource.account.environment == "prod" else 0.75
    if plant == "large":
        # Peaks of 15 % fit a quarter of the size, not an eighth; an xlarge has one smaller size; production goes one.
        halves = 1 if resource.account.environment == "prod" or str(resource.sku).endswith(".xlarge") else 2
        return 1 - 0.5**halves
    if plant == "roomy":
        seen = hours[-1]["day"] - timedelta(days=LOOKBACK_DAYS)
        peak = max(row["max"] for row in hours if row["metric"] == "fn_memory_max_mb" and row["day"] > seen)
        return float(1 - math.ceil(peak * 1.3 / 64) * 64 / FUNCTION_MB)
    return 1.0


_PRICES = {"bursty": "0.207", "licensed": "0.391"}  # of the machine as it is


def _instead(resource: Resource, plant: str) -> str | None:
    """What comes instead costs so much a month, where that does not hang on the resource's own cost."""
    return f"{_slots_month(resource.comes_instead):.6f}" if plant == "slots" and resource.comes_instead else None


_EVEN = ("node_cpu_allocated_pct", "node_mem_allocated_pct")  # pods ask for the same all day


def _metrics(resource: Resource, levels: Levels, month: Month, rng: np.random.Generator) -> Iterator[Row]:
    hours = DAYS * 24
    start = moment(month.last_day, 0).astimezone(UTC).replace(tzinfo=None) - timedelta(days=DAYS - 1)
    wave = 1 + 0.4 * np.sin((np.arange(hours) % 24 - 8) / 24 * 2 * np.pi) + 0.05 * rng.standard_normal(hours)
    for metric, level, peak in levels:
        values = level * (wave if metric not in _EVEN else np.ones(hours))
        if metric == "slot_hours" and level == SLOTS:
            values = np.where(np.arange(hours) % 24 == 2, SLOTS, 0.0)
        for number in range(hours):
            hour = start + timedelta(hours=number)
            value = round(float(max(values[number], 0)), 4)
            yield {
                "day": hour.date(),
                "resource_id": resource.id,
                "metric": metric,
                "hour": hour,
                "avg": value,
                "max": round(value * peak, 4),
                "sum": value if metric in ("requests", "nat_bytes_out", "fn_invocations", "slot_hours") else None,
                "sample_count": 12,
            }


def _levels(resource: Resource, plant: str) -> Levels:
    """Metric, its average and how much higher its peaks are."""
    if plant == "node":
        return [("node_cpu_allocated_pct", NODE_PCT, 1.0), ("node_mem_allocated_pct", NODE_PCT, 1.0)]
    if resource.type == "vm" and plant != "stopped":
        cpu, memory, network = {
            "idle": (1.0, 12.0, 8.0), "large": (7.0, 9.0, 2e6), "bursty": (16.0, 45.0, 2e6),
        }.get(plant, (48.0, 45.0, 4e6))  # fmt: skip
        return [
            ("cpu_pct", cpu, 1.3), ("mem_used_pct", memory, 1.1), ("net_in_bytes_per_s", network, 1.5),
            ("net_out_bytes_per_s", network, 1.5),
        ]  # fmt: skip
    if resource.type == "db":
        cpu, connections = {"unused": (45.0, 0.0), "large": (7.0, 20.0)}.get(plant, (38.0, 60.0))
        memory = 9.0 if plant == "large" else 60.0
        return [("cpu_pct", cpu, 1.3), ("mem_used_pct", memory, 1.1), ("db_connections", connections, 1.2)]
    if resource.kind == "warehouse":
        return [("slot_hours", SLOTS if plant == "slots" else 40_000.0, 1.0)]
    if resource.kind == "nat":
        return [("nat_bytes_out", 0.0 if plant else 5e8, 1.0)]
    if resource.kind == "lb":
        return [("requests", 4000.0, 1.0)]
    if resource.kind == "function":
        return [("fn_memory_max_mb", 260.0 if plant == "roomy" else 700.0, 1.0), ("fn_invocations", 900.0, 1.0)]
    return []
