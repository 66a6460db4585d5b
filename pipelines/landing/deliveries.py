"""Landed deliveries: one Parquet file per source and billing period, replaced as a whole, beside its delivery.json.

Layout: landing/<dataset>/source=<name>/billing_period=YYYY-MM/{data.parquet,delivery.json}
Replaced ones are kept in landing_history/<dataset>/source=<name>/billing_period=YYYY-MM/<sequence>-<delivery_id>/.
Data and description change together: the new description waits in next.json until its data has been renamed into place.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

from pipelines.settings import Workspace

_NEXT = "next.json"
# Totals have up to 26 digits before the point and 25 after it; Python's own context would keep 28 of them.
_EXACT = Context(prec=76)


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

    @classmethod
    def of(
        cls, currency: str, metric: str, dataset: str, rounded: Decimal, rounding: Decimal, landed: Decimal, rows: int
    ) -> ControlTotal:
        """`rounded` is the source's sum after each line was rounded to 12 decimals, `rounding` what that took."""
        return cls(currency, metric, dataset, _EXACT.add(rounded, rounding), rounding, landed, rows)

    @property
    def source_rounded(self) -> Decimal:
        """The source's sum as rounded line by line; equals `landed` in a sound delivery."""
        return _EXACT.subtract(self.source, self.rounding)


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
    sequence: int = 1  # counts the deliveries of one source and billing period; a content that returns counts again
    delivered_at: str = ""  # when the newest of its files was written at the source; ISO 8601, UTC
    # The columns as the source spells and types them: name, original, type, is_contract.
    source_columns: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, default=str)

    @classmethod
    def read(cls, path: Path) -> Delivery | None:
        """The delivery described by a delivery.json; None when there is none or it was cut off."""
        try:
            return cls.from_dict(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError):
            return None

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Delivery | None:
        try:
            totals = [
                ControlTotal(**{**total, **{k: Decimal(total[k]) for k in ("source", "rounding", "landed")}})
                for total in content["totals"]
            ]
            return cls(**{**content, "totals": totals})
        except (KeyError, TypeError, ArithmeticError):
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

    @property
    def history(self) -> Path:
        """Where the replaced deliveries of this source and period lie, a folder each."""
        return self.workspace.landing_history / self._relative

    def current(self) -> Delivery | None:
        """The delivery that lies here, if its data and description are both whole."""
        return described(self.folder)

    def replace(self, data: Path, delivery: Delivery) -> None:
        """Put `data` in place by one rename; what lay here goes to landing_history first (as a link, never a gap)."""
        before = self.current()
        if before:
            self.describe(before)  # what a killed landing left in next.json
            if before.delivery_id != delivery.delivery_id:
                self._keep(before)
                delivery = replace(delivery, sequence=before.sequence + 1)
        self.folder.mkdir(parents=True, exist_ok=True)
        with data.open("rb") as content:
            os.fsync(content.fileno())
        waiting = {"inode": data.stat().st_ino, "delivery": json.loads(delivery.to_json())}
        write_atomically(self.folder / _NEXT, json.dumps(waiting, indent=1))
        os.replace(data, self.data)
        self.describe(delivery)

    def describe(self, delivery: Delivery) -> None:
        write_atomically(self.folder / "delivery.json", delivery.to_json())
        (self.folder / _NEXT).unlink(missing_ok=True)

    def _keep(self, before: Delivery) -> None:
        kept = self.history / f"{before.sequence:06d}-{before.delivery_id}"
        kept.mkdir(parents=True, exist_ok=True)
        for name in ("data.parquet", "delivery.json"):
            with contextlib.suppress(FileExistsError):
                try:
                    os.link(self.folder / name, kept / name)
                except PermissionError:
                    shutil.copy2(self.folder / name, kept / name)


def described(folder: Path) -> Delivery | None:
    """The delivery whose data lies in `folder`: a landing killed between its two renames is read as done."""
    try:
        inode = (folder / "data.parquet").stat().st_ino
    except OSError:
        return None
    with contextlib.suppress(OSError, ValueError, KeyError):
        waiting = json.loads((folder / _NEXT).read_text("utf-8"))
        if waiting["inode"] == inode:
            return Delivery.from_dict(waiting["delivery"])
    return Delivery.read(folder / "delivery.json")


def landed_deliveries(workspace: Workspace) -> list[Delivery]:
    """Every delivery now in landing, by dataset, source and period."""
    found = (
        described(path.parent) for path in sorted(workspace.landing.glob("*/source=*/billing_period=*/data.parquet"))
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
