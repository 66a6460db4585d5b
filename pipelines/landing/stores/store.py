"""What every place of exports can do, and the errors that all of them share.

The rule: a file is only ever opened by a key that the listing gave. A name from a manifest is looked up in the
listing, so no manifest can reach outside its export.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable

from pipelines.errors import ExportChangedError, ExportError

# How long one request may be tried again before it counts as failed, seconds. The next scheduled landing tries anew.
PATIENCE = 60.0


@dataclass(frozen=True, order=True)
class SourceFile:
    """One file of an export: `key` relative to the source's uri, `etag` changes when the content does."""

    key: str
    size: int
    etag: str
    modified: float  # seconds since the epoch, UTC


@dataclass(frozen=True)
class TableMonth:
    """One billing period of a table that says itself which periods it holds."""

    period: str  # YYYY-MM
    file: SourceFile
    rows: int


class Store(Protocol):
    """Files in folders."""

    uri: str

    def list(self) -> list[SourceFile]: ...

    def read(self, file: SourceFile) -> bytes:
        """The whole of a small file (a manifest)."""
        ...

    def fetch(self, file: SourceFile, scratch: Path) -> Path:
        """A local path with the file's content, unchanged since it was listed."""
        ...


@runtime_checkable
class TableStore(Protocol):
    """A table: each of its billing periods is fetched as one file."""

    uri: str

    def months(self, source_format: str) -> list[TableMonth]: ...

    def fetch(self, file: SourceFile, scratch: Path) -> Path: ...


def changed(uri: str, file: SourceFile) -> ExportChangedError:
    return ExportChangedError(
        f"{uri}: {file.key}", "changed or vanished while it was being read", "The previous delivery stays", "Run again"
    )


def unreadable(uri: str, file: SourceFile, problem: object, fix: str) -> ExportError:
    return ExportError(
        f"{uri}: {file.key}", f"cannot be read: {without_secrets(problem)}", "The previous delivery stays", fix
    )


def without_secrets(problem: object) -> str:
    """An SDK's message on one line, cut to what a person reads, without the signatures that its URLs may carry."""
    text = " ".join(str(problem).split())
    text = re.sub(
        r"(?i)\b(sig|signature|x-amz-[a-z-]+|x-goog-[a-z-]+|token|accountkey|sharedaccesssignature)=[^&\s\"')]+",
        r"\1=…",
        text,
    )
    return text if len(text) <= 300 else text[:299] + "…"


def scratch_path(scratch: Path, file: SourceFile) -> Path:
    """Where a fetched file goes. Keys are foreign text (`..`, a leading slash): only their last part becomes a path."""
    path = scratch / hashlib.sha256(file.key.encode()).hexdigest()[:16] / PurePosixPath(file.key).name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
