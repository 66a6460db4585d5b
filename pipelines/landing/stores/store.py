"""What every place of exports can do, and the errors that all of them share.

The rule: a file is only ever opened by a key that the listing gave. A name from a manifest is looked up in the
listing, so no manifest can reach outside its export.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, runtime_checkable

from pipelines.errors import ExportChangedError, ExportError

# How long one request may be tried again before it counts as failed, seconds. The next scheduled landing tries anew.
PATIENCE = 60.0
# How often in a row a download may break off within a mebibyte of where it broke before.
_BREAKS = 5
_MEBIBYTE = 1 << 20
LATER = "Run `finops land` again later; if it stays, look at the provider's status page"


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


class ObjectStore(ABC):
    """What buckets and containers share: every read is bound to the version that was listed, and taken up when cut."""

    uri: str

    @abstractmethod
    def chunks(self, file: SourceFile, start: int) -> Iterable[bytes]:
        """The bytes of the listed version from `start`; BodyBroken when the connection ends early."""

    def read(self, file: SourceFile) -> bytes:
        """The whole of a small file (a manifest)."""
        content = io.BytesIO()
        self._download(file, content)
        return content.getvalue()

    def fetch(self, file: SourceFile, scratch: Path) -> Path:
        """A local path with the file's content, unchanged since it was listed."""
        path = scratch_path(scratch, file)
        with path.open("wb") as target:
            self._download(file, target)
        return path

    def _download(self, file: SourceFile, target: BinaryIO) -> None:
        try:
            download(file, target, lambda start: self.chunks(file, start))
        except BodyBroken as problem:
            raise not_read(self.uri, file, f"the download broke off ({problem})", None) from None


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


def not_listed(uri: str, problem: object, fix: str | None) -> ExportError:
    return ExportError(
        uri, f"cannot be listed: {without_secrets(problem)}", "The previous deliveries stay", fix or LATER
    )


def not_read(uri: str, file: SourceFile, problem: object, fix: str | None) -> ExportError:
    return ExportError(
        f"{uri}: {file.key}", f"cannot be read: {without_secrets(problem)}", "The previous delivery stays", fix or LATER
    )


def without_secrets(problem: object) -> str:
    """An SDK's message on one line, cut to what a person reads, without the signatures that its URLs may carry."""
    text = re.sub(r"(?<=\?)[^\s?\"')]*=[^\s\"')]*", "…", " ".join(str(problem).split()))
    text = re.sub(r"(?i)\b(sig|accountkey|token|password|secret)(\s?[=:]\s?)[^\s&;,\"')]+", r"\1\2…", text)
    return text if len(text) <= 300 else text[:299] + "…"


def scratch_path(scratch: Path, file: SourceFile) -> Path:
    """Where a fetched file goes. Keys are foreign text (`..`, a leading slash): only their last part becomes a path."""
    path = scratch / hashlib.sha256(file.key.encode()).hexdigest()[:16] / PurePosixPath(file.key).name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def download(file: SourceFile, target: BinaryIO, chunks_from: Callable[[int], Iterable[bytes]]) -> None:
    """Write the file's bytes to `target`; a body that breaks off is taken up at the byte where it broke.

    `chunks_from(start)` gives the rest of exactly that version of the file, and raises BodyBroken when it ends early.
    """
    furthest, breaks = 0, 0
    while True:
        try:
            for chunk in chunks_from(target.tell()):
                target.write(chunk)
            if target.tell() != file.size:
                raise BodyBroken(f"got {target.tell():,} of {file.size:,} bytes")
            return
        except BodyBroken:
            if target.tell() >= furthest + _MEBIBYTE:
                furthest, breaks = target.tell(), 0
            breaks += 1
            if breaks >= _BREAKS or target.tell() > file.size:
                raise
            time.sleep(0.1 * 2**breaks)


class BodyBroken(Exception):
    """A connection that ended before the file did."""
