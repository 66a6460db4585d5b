"""The chain of deliveries of every source and month: registered for dbt, and pruned by policy.

A previous delivery is kept whole. Pruning takes only its rows, and only when its daily totals lie beside its
description (daily_totals.parquet): what fct_restatements needs of it outlives it, and outlives a lost warehouse.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.landing.deliveries import Delivery, described
from pipelines.settings import Workspace

_TOTALS = "daily_totals.parquet"


@dataclass(frozen=True)
class Kept:
    """One delivery of the chain; `folder` holds its description, its rows unless pruned, or its daily totals."""

    delivery: Delivery
    folder: Path
    is_current: bool

    @property
    def data(self) -> Path | None:
        path = self.folder / "data.parquet"
        return path if path.is_file() else None

    @property
    def totals(self) -> Path | None:
        path = self.folder / _TOTALS
        return path if path.is_file() else None


def chains(workspace: Workspace) -> dict[tuple[str, str], list[Kept]]:
    """Every known delivery, oldest first, by source and billing period; the last of a chain is the current one."""
    names = {source.name for source in workspace.sources}
    found: dict[tuple[str, str], list[Kept]] = defaultdict(list)
    for path in sorted(workspace.landing_history.glob("*/source=*/billing_period=*/*/delivery.json")):
        delivery = Delivery.read(path)
        if delivery and delivery.source in names:
            found[delivery.source, delivery.billing_period].append(Kept(delivery, path.parent, is_current=False))
    for path in sorted(workspace.landing.glob("*/source=*/billing_period=*/data.parquet")):
        delivery = described(path.parent)
        if delivery and delivery.source in names:
            chain = found[delivery.source, delivery.billing_period]
            # A landing killed after it had kept the delivery and before it replaced it leaves it in both places.
            chain[:] = [k for k in chain if _identity(k.delivery) != _identity(delivery)]
            chain.append(Kept(delivery, path.parent, is_current=True))
    for chain in found.values():
        chain.sort(key=lambda k: (k.is_current, k.delivery.sequence, k.delivery.landed_at))
    return {key: found[key] for key in sorted(found)}


def _identity(delivery: Delivery) -> tuple[int, str]:
    return delivery.sequence, delivery.delivery_id


def delivery_version(delivery: Delivery) -> str:
    """What the models call delivery_version: the content of one source's month."""
    return hashlib.md5("|".join((delivery.source, delivery.billing_period, delivery.delivery_id)).encode()).hexdigest()


_DELIVERIES = pa.schema(
    {
        "source": pa.string(),
        "billing_period": pa.string(),
        "sequence": pa.int64(),
        "delivery_id": pa.string(),
        "previous_sequence": pa.int64(),
        "previous_delivery_id": pa.string(),
        "previous_row_count": pa.int64(),
        "provider": pa.string(),
        "dataset": pa.string(),
        "landed_at": pa.timestamp("us"),
        "delivered_at": pa.timestamp("us"),
        "row_count": pa.int64(),
        "file_count": pa.int64(),
        "manifest": pa.string(),
        "is_current": pa.bool_(),
        "has_rows": pa.bool_(),
    }
)
_FILES = pa.schema(
    {
        "source": pa.string(),
        "billing_period": pa.string(),
        "sequence": pa.int64(),
        "delivery_id": pa.string(),
        "part": pa.string(),
        "uri": pa.string(),
        "file": pa.string(),
        "sha256": pa.string(),
        "etag": pa.string(),
        "bytes": pa.int64(),
        "modified_at": pa.timestamp("us"),
        "row_count": pa.int64(),
        "first_row": pa.int64(),
        "last_row": pa.int64(),
    }
)
_COLUMNS = pa.schema(
    {
        "source": pa.string(),
        "billing_period": pa.string(),
        "sequence": pa.int64(),
        "delivery_id": pa.string(),
        "column_name": pa.string(),
        "source_name": pa.string(),
        "column_type": pa.string(),
        "is_contract": pa.bool_(),
    }
)
# The shape of what pruning leaves of a delivery; the columns of int_deliveries__daily_totals.
TOTALS_SCHEMA = pa.schema(
    {
        "x_delivery_version": pa.string(),
        "x_source": pa.string(),
        "billing_period": pa.string(),
        "charge_date": pa.date32(),
        "billing_account_id": pa.string(),
        "sub_account_id": pa.string(),
        "service_name": pa.string(),
        "billing_currency": pa.string(),
        "charge_lines": pa.int64(),
        "billed_cost": pa.decimal128(28, 12),
        "effective_cost": pa.decimal128(28, 12),
        "models_version": pa.string(),
    }
)


def register_history(workspace: Workspace) -> None:
    """Write the chains as small tables into landing/register, so that dbt reads landing only."""
    deliveries: list[dict[str, Any]] = []
    files: list[dict[str, Any]] = []
    columns: list[dict[str, Any]] = []
    totals: dict[str, pa.Table] = {}  # by version: a content that returned stands once
    for chain in chains(workspace).values():
        before: Delivery | None = None
        for kept in chain:
            delivery = kept.delivery
            key = {
                "source": delivery.source,
                "billing_period": delivery.billing_period,
                "sequence": delivery.sequence,
                "delivery_id": delivery.delivery_id,
            }
            deliveries.append(key | _delivery_row(kept, before))
            files += [key | _file_row(file) for file in delivery.files]
            columns += [
                key
                | {
                    "column_name": column["name"],
                    "source_name": column["original"],
                    "column_type": column["type"],
                    "is_contract": column["is_contract"],
                }
                for column in delivery.source_columns
            ]
            if kept.totals:
                totals[delivery_version(delivery)] = pq.read_table(kept.totals, schema=TOTALS_SCHEMA)
            before = delivery
    folder = workspace.landing / "register"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "delivery_chain.parquet", pa.Table.from_pylist(deliveries, _DELIVERIES))
    _write(folder / "delivery_files.parquet", pa.Table.from_pylist(files, _FILES))
    _write(folder / "delivery_columns.parquet", pa.Table.from_pylist(columns, _COLUMNS))
    _write(folder / "kept_totals.parquet", pa.concat_tables([TOTALS_SCHEMA.empty_table(), *totals.values()]))


def write_totals(kept: Kept, totals: pa.Table) -> None:
    """Put a delivery's daily totals beside its description."""
    _write(kept.folder / _TOTALS, totals.cast(TOTALS_SCHEMA))


def prune_history(workspace: Workspace, daily_totals: Callable[[Delivery], pa.Table | None], now: datetime) -> int:
    """Take the rows of previous deliveries that [landing] keep_deliveries or keep_days no longer covers.

    `daily_totals` gives a delivery's totals from the warehouse, None while a comparison with it is still to be made;
    such a delivery stays whole. Returns how many were pruned.
    """
    policy = workspace.settings.landing
    oldest = now - timedelta(days=policy.keep_days)
    pruned = 0
    for chain in chains(workspace).values():
        previous = [kept for kept in chain if not kept.is_current]
        for position, kept in enumerate(reversed(previous)):
            is_covered = position < policy.keep_deliveries and _utc(kept.delivery.landed_at) >= oldest
            if is_covered or not kept.data:
                continue
            totals = daily_totals(kept.delivery)
            if totals is None:
                continue
            write_totals(kept, totals)
            kept.data.unlink()
            pruned += 1
    return pruned


def _delivery_row(kept: Kept, before: Delivery | None) -> dict[str, Any]:
    delivery = kept.delivery
    return {
        "previous_sequence": before.sequence if before else None,
        "previous_delivery_id": before.delivery_id if before else None,
        "previous_row_count": before.rows if before else None,
        "provider": delivery.provider,
        "dataset": delivery.dataset,
        "landed_at": _utc(delivery.landed_at),
        "delivered_at": _utc(delivery.delivered_at or delivery.landed_at),
        "row_count": delivery.rows,
        "file_count": len(delivery.files),
        "manifest": delivery.manifest,
        "is_current": kept.is_current,
        "has_rows": kept.data is not None,
    }


def _file_row(file: dict[str, Any]) -> dict[str, Any]:
    return {
        "part": file.get("dataset", ""),
        "uri": file["uri"],
        "file": file["key"],
        "sha256": file["sha256"],
        "etag": file.get("etag"),
        "bytes": file.get("size"),
        "modified_at": _utc(file["modified"]) if file.get("modified") else None,
        "row_count": file.get("rows"),
        "first_row": file.get("first_row"),
        "last_row": file.get("last_row"),
    }


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def _write(path: Path, table: pa.Table) -> None:
    temporary = path.with_name(f".{path.name}")
    pq.write_table(table, temporary)
    temporary.replace(path)
