"""A local folder; below it, hidden files and links that lead outside do not count."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import ExportError
from pipelines.landing.stores.store import SourceFile, changed


def _unreadable(problem: OSError) -> None:
    """A folder that cannot be listed may hold half of a month: nothing is read without it."""
    raise ExportError(
        str(problem.filename),
        f"cannot be listed ({problem.strerror})",
        "The previous delivery stays",
        "Give this user the right to list the folder, or move it out of the export, then rerun",
    ) from None


class LocalStore:
    def __init__(self, uri: str, root: Path) -> None:
        self.uri = uri
        self.root = root

    def list(self) -> list[SourceFile]:
        if not self.root.exists():
            raise ExportError(
                self.uri, "there is no such folder", fix=f"Check uri in finops.toml (looked at {self.root})"
            )
        if self.root.is_file():
            return [self._entry(self.root, self.root.name)]
        return sorted(self._walk())

    def _walk(self) -> Iterator[SourceFile]:
        real_root = self.root.resolve()
        for folder, folders, names in os.walk(self.root, onerror=_unreadable):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in names:
                path = Path(folder) / name
                if name.startswith(".") or not path.is_file():
                    continue
                if path.is_symlink() and not path.resolve().is_relative_to(real_root):
                    raise ExportError(
                        str(path),
                        f"is a link to {path.resolve()}, outside the export's folder",
                        "It was not read",
                        "Put the file itself there, or point uri at the folder that holds it",
                    )
                yield self._entry(path, path.relative_to(self.root).as_posix())

    @staticmethod
    def _entry(path: Path, key: str) -> SourceFile:
        stat = path.stat()
        return SourceFile(key, stat.st_size, f"{stat.st_size:x}-{stat.st_mtime_ns:x}", stat.st_mtime)

    def _path(self, file: SourceFile) -> Path:
        path = self.root if self.root.is_file() else self.root / file.key
        if not path.is_file() or self._entry(path, file.key).etag != file.etag:
            raise changed(self.uri, file)
        return path

    def read(self, file: SourceFile) -> bytes:
        return self._path(file).read_bytes()

    def fetch(self, file: SourceFile, scratch: Path) -> Path:
        return self._path(file)
