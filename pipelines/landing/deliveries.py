"""Landed deliveries: one Parquet file per source and billing period, replaced as a whole, beside its delivery.json.

Layout: landing/<dataset>/source=<name>/billing_period=YYYY-MM/{data.parquet,delivery.json}
Replaced deliveries are kept in landing_history/<dataset>/source=<name>/billing_period=YYYY-MM/<delivery_id>/.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipelines.settings import Workspace


@dataclass(frozen=True)
class ControlTotal:
    """One metric of a delivery in one currency. `source` is exact; landed + rounding = source."""

    currency: str
    metric: str
    dataset: str
    source: Decimal
    rounding: Decimal
    landed: Decimal
    rows: int


@dataclass(frozen=True)
class Delivery:
    delivery_id: str
    source: str
    provider: str
    dataset: str
    billing_period: str
    landed_at: str  # ISO 8601, UTC; never enters a mart that must repeat byte for byte
    rows: int
    fingerprint: str  # of the source files' names, sizes and etags: unchanged means not read again
    files: list[dict[str, Any]] = field(default_factory=list)
    manifest: str | None = None
    schema_hash: str = ""
    columns: list[str] = field(default_factory=list)
    totals: list[ControlTotal] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, default=str)

    @classmethod
    def read(cls, path: Path) -> Delivery | None:
        """The delivery described by a delivery.json; None when there is none or it was cut off."""
        try:
            content = json.loads(path.read_text("utf-8"))
            totals = [
                ControlTotal(**{**total, **{k: Decimal(total[k]) for k in ("source", "rounding", "landed")}})
                for total in content.pop("totals")
            ]
            return cls(**content, totals=totals)
        except (OSError, ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True)
class Partition:
    """Where one delivery lies."""

    workspace: Workspace
    dataset: str
    source: str
    billing_period: str

    @property
    def _relative(self) -> Path:
        return Path(self.dataset) / f"source={self.source}" / f"billing_period={self.billing_period}"

    @property
    def folder(self) -> Path:
        return self.workspace.landing / self._relative

    @property
    def data(self) -> Path:
        return self.folder / "data.parquet"

    def current(self) -> Delivery | None:
        """The delivery that lies here, if its data and description are both whole."""
        return Delivery.read(self.folder / "delivery.json") if self.data.is_file() else None

    def replace(self, data: Path, delivery: Delivery) -> None:
        """Put `data` in place by one rename; what lay here goes to landing_history first (as a link, never a gap)."""
        before = self.current()
        if before and before.delivery_id != delivery.delivery_id:
            self._keep(before)
        self.folder.mkdir(parents=True, exist_ok=True)
        with data.open("rb") as content:
            os.fsync(content.fileno())
        os.replace(data, self.data)
        self.describe(delivery)

    def describe(self, delivery: Delivery) -> None:
        write_atomically(self.folder / "delivery.json", delivery.to_json())

    def _keep(self, before: Delivery) -> None:
        kept = self.workspace.landing_history / self._relative / before.delivery_id
        kept.mkdir(parents=True, exist_ok=True)
        for name in ("data.parquet", "delivery.json"):
            with contextlib.suppress(FileExistsError):
                try:
                    os.link(self.folder / name, kept / name)
                except PermissionError:
                    shutil.copy2(self.folder / name, kept / name)


def landed_deliveries(workspace: Workspace) -> list[Delivery]:
    """Every delivery now in landing, by dataset, source and period."""
    found = (
        Delivery.read(path) for path in sorted(workspace.landing.glob("*/source=*/billing_period=*/delivery.json"))
    )
    return [delivery for delivery in found if delivery]


def write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, "utf-8")
    os.replace(temporary, path)


@contextlib.contextmanager
def locked(workspace: Workspace, name: str) -> Iterator[None]:
    """Hold the workspace's lock `name` (a file; the system frees it when the process dies)."""
    folder = workspace.root / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
