"""The few tables that signals of every provider land in, and where a day of them lies.

A day of one source is one Parquet file per table, replaced as a whole:
landing/usage/<table>/source=<name>/day=YYYY-MM-DD/data.parquet. What a provider did not tell is NULL, never 0.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.settings import Workspace

_TEXT, _NUMBER, _WHOLE, _YES_NO = pa.string(), pa.float64(), pa.int64(), pa.bool_()
_DAY, _TIME, _MONEY = pa.date32(), pa.timestamp("us"), pa.decimal128(28, 12)

RESOURCE_TYPES = (
    "vm", "disk", "snapshot", "image", "ip", "nat", "lb", "db", "bucket", "function", "k8s_cluster", "k8s_node",
    "cache", "nosql", "log_group", "nic", "app_plan", "gateway", "warehouse", "endpoint", "firewall", "circuit",
    "ddos_plan", "app_gateway", "db_cluster", "db_pool", "search", "dataset",
)  # fmt: skip
STATES = ("running", "stopped", "deallocated", "available", "in_use", "idle", "active")
METRICS = (
    "cpu_pct", "mem_used_pct", "net_in_bytes_per_s", "net_out_bytes_per_s", "disk_read_iops", "disk_write_iops",
    "disk_read_bytes_per_s", "disk_write_bytes_per_s", "db_connections", "db_free_memory_pct", "requests",
    "active_connections", "nat_bytes_out", "bucket_bytes", "bucket_objects", "fn_invocations", "fn_duration_ms",
    "fn_errors", "fn_memory_max_mb", "fn_provisioned_pct", "dtu_pct", "storage_used_pct", "bytes_processed",
    "bucket_noncurrent_bytes", "bucket_incomplete_upload_bytes",
    # Of a cluster's node: the larger of what its pods ask for and what they use, summed over its pods, of its capacity.
    "node_cpu_allocated_pct", "node_mem_allocated_pct",
    "slot_hours", "scanned_tib",  # of a warehouse: sums of the hour; an hour without queries is 0, not absent
)  # fmt: skip

# Grain of each table, in words; the keys come first.
SCHEMAS: dict[str, pa.Schema] = {
    # One row per resource that exists on the day.
    "inventory": pa.schema(
        {
            "source": _TEXT,
            "day": _DAY,
            "provider": _TEXT,
            "account_id": _TEXT,
            "region": _TEXT,
            "resource_id": _TEXT,  # as the bill writes it
            "resource_name": _TEXT,
            "resource_type": _TEXT,  # RESOURCE_TYPES
            "native_type": _TEXT,
            "state": _TEXT,  # STATES
            "state_changed_at": _TIME,
            "created_at": _TIME,
            "modified_at": _TIME,
            "last_used_at": _TIME,
            "detached_at": _TIME,
            "sku": _TEXT,
            "vcpu": _NUMBER,
            "memory_gib": _NUMBER,
            "architecture": _TEXT,  # x86_64 | arm64
            "os": _TEXT,  # linux | windows | rhel | sles
            "license_model": _TEXT,  # included | byol
            "purchase_option": _TEXT,  # on_demand | spot | reserved
            "tenancy": _TEXT,
            "gpu_count": _NUMBER,
            "storage_type": _TEXT,
            "size_gib": _NUMBER,
            "used_gib": _NUMBER,
            "provisioned_iops": _NUMBER,
            "provisioned_mibps": _NUMBER,
            "attached_to": _TEXT,  # disks: their machine; nodes: their group in the cluster
            "attached_count": _WHOLE,  # disks: machines; addresses: interfaces; balancers: targets; plans: apps
            "healthy_count": _WHOLE,
            "engine": _TEXT,
            "engine_version": _TEXT,
            "is_multi_az": _YES_NO,
            "replica_of": _TEXT,
            "memory_mb": _WHOLE,  # functions: configured memory
            "storage_class": _TEXT,
            "has_lifecycle": _YES_NO,
            "retention_days": _WHOLE,  # log groups; NULL keeps for ever
            "managed_by": _TEXT,  # autoscaling, eks, ecs, aks, gke, emr, dlm …: a member, resize the group instead
            "source_resource_id": _TEXT,  # snapshots: their volume; images: their snapshot
            "tags": _TEXT,  # JSON object
            # JSON object of what else rules quote: is_boot, sql_license_model (included | byol), accelerated_networking
            "raw": _TEXT,
        }
    ),
    # One row per resource, metric and hour that has datapoints.
    "metrics": pa.schema(
        {
            "source": _TEXT,
            "day": _DAY,
            "provider": _TEXT,
            "resource_id": _TEXT,
            "metric": _TEXT,  # METRICS
            "hour": _TIME,
            "avg": _NUMBER,
            "max": _NUMBER,
            "sum": _NUMBER,
            "p95": _NUMBER,
            "p99": _NUMBER,
            "sample_count": _WHOLE,
        }
    ),
    # One row per commitment that is active or queued on the day.
    "commitments": pa.schema(
        {
            "source": _TEXT,
            "day": _DAY,
            "provider": _TEXT,
            "commitment_id": _TEXT,
            # ri | savings_plan | azure_reservation | azure_savings_plan | cud_resource | cud_spend
            "commitment_type": _TEXT,
            "scope": _TEXT,
            "account_id": _TEXT,
            "region": _TEXT,
            "sku": _TEXT,
            "family": _TEXT,
            "quantity": _NUMBER,
            "hourly_commitment": _MONEY,
            "term_months": _WHOLE,
            "payment_option": _TEXT,
            "offering_class": _TEXT,
            "start_at": _TIME,
            "end_at": _TIME,
            "upfront_cost": _MONEY,
            "recurring_cost_hourly": _MONEY,
            "currency": _TEXT,
            "state": _TEXT,
            "tags": _TEXT,
        }
    ),
    # One row per recommendation that the provider shows on the day.
    "provider_recommendations": pa.schema(
        {
            "source": _TEXT,
            "day": _DAY,
            "provider": _TEXT,
            "recommendation_id": _TEXT,
            "origin": _TEXT,  # cost_optimization_hub | compute_optimizer | advisor | recommender
            "rule": _TEXT,
            "resource_id": _TEXT,
            "account_id": _TEXT,
            "region": _TEXT,
            "action_type": _TEXT,
            "current_config": _TEXT,
            "recommended_config": _TEXT,
            "monthly_savings": _MONEY,
            "currency": _TEXT,
            "is_after_discounts": _YES_NO,
            "effort": _TEXT,
            "state": _TEXT,
            "details": _TEXT,
        }
    ),
    # One row per place that was looked at on the day: what is not ok here is unknown, not absent. `*` is everything.
    "collection": pa.schema(
        {
            "source": _TEXT,
            "day": _DAY,
            "provider": _TEXT,
            "account_id": _TEXT,
            "region": _TEXT,
            "signal": _TEXT,  # a RESOURCE_TYPES word, metrics, commitments, provider_recommendations or *
            "status": _TEXT,  # ok | denied | throttled | failed
            "reason": _TEXT,
            "rows": _WHOLE,
        }
    ),
}  # fmt: skip


def partition(workspace: Workspace, table: str, source: str, day: date | str) -> Path:
    """Where a day of a table lies."""
    return workspace.landing / "usage" / table / f"source={source}" / f"day={day}" / "data.parquet"


def write_partition(workspace: Workspace, table: str, source: str, day: date, rows: pa.Table) -> Path:
    """Replace a day of a table by `rows`, by one rename. Columns that `rows` lacks are NULL."""
    path = partition(workspace, table, source, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(conformed(table, rows), temporary, compression="zstd")
    temporary.replace(path)
    return path


def conformed(table: str, rows: pa.Table) -> pa.Table:
    """`rows` with exactly the columns and types of `table`."""
    schema = SCHEMAS[table]
    return pa.table(
        [
            rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(len(rows), field.type)
            for field in schema
        ],
        schema=schema,
    )


def ensure_usage_contracts(workspace: Workspace) -> None:
    """An empty file of the right shape per table, so that the models see every column before any signal has landed."""
    for table, schema in SCHEMAS.items():
        path = partition(workspace, table, "_contract", "_contract")
        if path.is_file() and pq.read_schema(path).equals(schema):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        pq.write_table(schema.empty_table(), temporary)
        temporary.replace(path)


def usage_days(workspace: Workspace) -> list[tuple[str, str, date, str]]:
    """Table, source, day and version of every landed day; the version changes with the file."""
    return [
        (
            signal,
            path.parent.parent.name.removeprefix("source="),
            date.fromisoformat(path.parent.name.removeprefix("day=")),
            _version(path),
        )
        for signal in SCHEMAS
        for path in sorted((workspace.landing / "usage" / signal).glob("source=*/day=[0-9]*/data.parquet"))
    ]


def landed_since(workspace: Workspace, moment: datetime) -> list[str]:
    """Days of signals that were landed at or after `moment` (UTC)."""
    return [
        f"{path.parts[-4]} {path.parts[-3].removeprefix('source=')} {path.parts[-2].removeprefix('day=')}"
        for path in sorted((workspace.landing / "usage").glob("*/source=*/day=[0-9]*/data.parquet"))
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) >= moment
    ]


def register_usage(workspace: Workspace) -> None:
    """Write which days of signals lie in landing, for dbt."""
    ensure_usage_contracts(workspace)
    rows = [
        {"source": source, "day": day, "signal": signal, "day_version": version}
        for signal, source, day, version in usage_days(workspace)
    ]
    schema = pa.schema({"source": _TEXT, "day": _DAY, "signal": _TEXT, "day_version": _TEXT})
    path = workspace.landing / "register" / "usage_days.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    pq.write_table(pa.Table.from_pylist(rows, schema), temporary)
    temporary.replace(path)


def _version(path: Path) -> str:
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256")
    digest.update("/".join(path.parts[-4:]).encode())
    return digest.hexdigest()[:32]
