"""What discovery finds: the files of the newest complete version of a billing period, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipelines.errors import ExportError
from pipelines.landing.stores import SourceFile, Store, TableStore

# Given the files of one undeclared version, the billing periods (YYYY-MM) that their rows state, each with the first
# and last day (YYYY-MM-DD) that is charged in it; None where its rows have no days.
PeriodsOf = Callable[[Store, list[SourceFile]], dict[str, tuple[str, str] | None]]


@dataclass(frozen=True)
class Part:
    """Some files of a delivery, all of one dataset of one store."""

    store: Store | TableStore
    dataset: str  # "" | "actual" | "amortized"
    files: tuple[SourceFile, ...]
    rows: dict[str, int] = field(default_factory=dict)  # key -> rows, where the manifest says so
    period_filter: bool = False  # the files hold other periods too: take only this one's rows


@dataclass(frozen=True)
class Found:
    """The newest complete version of one billing period, or why there is none."""

    period: str
    parts: tuple[Part, ...]
    manifest: str | None = None
    problem: ExportError | None = None

    @property
    def files(self) -> list[SourceFile]:
        return [file for part in self.parts for file in part.files]
