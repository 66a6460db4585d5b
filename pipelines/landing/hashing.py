"""The identity of a file: its SHA-256, found beside whatever reads its rows, and whether its archive is whole."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from pipelines.errors import BadExportError

_CHUNK = 1 << 20
_AGAIN = "Deliver the file again, then rerun"
_RATIO_LIMIT = 200  # a bill compresses about 20 times; far more is a bomb


class Hashes:
    """Hashes of files by one thread of their own, each found once: hashing needs one core, reading a .gz little more.

    `damaged` is called when a file turns out to be no sound archive, to stop who reads it.
    """

    def __init__(self, damaged: Callable[[], None]) -> None:
        self._damaged = damaged
        self._thread = ThreadPoolExecutor(1, "hashes")
        self._found: dict[tuple[Path, int], Future[str]] = {}

    def __enter__(self) -> Hashes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, at: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def of(self, path: Path, label: str) -> Future[str]:
        """The hash of `path` to be; its result raises BadExportError, naming `label`, for a damaged archive."""
        key = (path, path.stat().st_mtime_ns)
        if key not in self._found:
            self._found[key] = self._thread.submit(self._hash, path, label)
        return self._found[key]

    def _hash(self, path: Path, label: str) -> str:
        try:
            return sha256_of(path, label)
        except BadExportError:
            self._damaged()
            raise


def sha256_of(path: Path, label: str) -> str:
    """Hash of the file; a .gz is also inflated to its end, since a cut one may still end on a whole row."""
    digest = hashlib.sha256()
    inflate = zlib.decompressobj(wbits=31) if path.name.lower().endswith(".gz") else None
    room = room_for(path.stat().st_size)
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            if inflate:
                inflate, size = _inflate(inflate, chunk, label)
                room -= size
                if room < 0:
                    raise BadExportError(label, "unpacks to a suspicious size", "It was not read further", _AGAIN)
    if inflate and not inflate.eof:
        raise BadExportError(label, "the gzip file is cut short", fix=_AGAIN)
    return digest.hexdigest()


def room_for(packed_size: int) -> int:
    """How many bytes a packed file of this size may unpack to."""
    return _RATIO_LIMIT * max(packed_size, _CHUNK)


def _inflate(inflate: zlib._Decompress, chunk: bytes, label: str) -> tuple[zlib._Decompress, int]:
    """Inflate one chunk; the state to go on with, and how many bytes came out."""
    size = 0
    try:
        while chunk:
            if inflate.eof:  # a gzip file may hold several members
                if not chunk.strip(b"\0"):
                    break
                inflate = zlib.decompressobj(wbits=31)
            size += len(inflate.decompress(chunk, _CHUNK * 64))
            while inflate.unconsumed_tail:
                size += len(inflate.decompress(inflate.unconsumed_tail, _CHUNK * 64))
            chunk = inflate.unused_data
    except zlib.error as problem:
        raise BadExportError(
            label, f"is not a sound gzip file ({problem})", fix="Deliver it again, then rerun"
        ) from None
    return inflate, size
