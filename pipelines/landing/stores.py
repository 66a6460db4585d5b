"""Where exports lie: a local folder or an S3 prefix, listed and fetched the same way.

The rule: a file is only ever opened by a key that the listing gave. A name from a manifest is looked up in the
listing, so no manifest can reach outside its export.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from pipelines.errors import ExportChangedError, ExportError, SettingsError


@dataclass(frozen=True, order=True)
class SourceFile:
    """One file of an export: `key` relative to the source's uri, `etag` changes when the content does."""

    key: str
    size: int
    etag: str
    modified: float  # seconds since the epoch, UTC


class Store(Protocol):
    uri: str

    def list(self) -> list[SourceFile]: ...

    def read(self, file: SourceFile) -> bytes:
        """The whole of a small file (a manifest)."""
        ...

    def fetch(self, file: SourceFile, scratch: Path) -> Path:
        """A local path with the file's content, unchanged since it was listed."""
        ...


def open_store(uri: str, workspace_root: Path) -> Store:
    """The store behind `uri`; a relative path is relative to the workspace."""
    scheme, _, rest = uri.partition("://")
    if not rest:
        return LocalStore(uri, (workspace_root / Path(uri).expanduser()))
    if scheme == "file":
        return LocalStore(uri, Path("/" + rest.lstrip("/")))
    if scheme in ("s3", "s3a"):
        bucket, _, prefix = rest.partition("/")
        return S3Store(uri, bucket, prefix)
    raise SettingsError(uri, f"'{scheme}://' is not a place this version can read", fix="Use a local folder or s3://")


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
        for folder, folders, names in os.walk(self.root):
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
            raise _changed(self.uri, file)
        return path

    def read(self, file: SourceFile) -> bytes:
        return self._path(file).read_bytes()

    def fetch(self, file: SourceFile, scratch: Path) -> Path:
        return self._path(file)


class S3Store:
    """An S3 prefix. Credentials and endpoint come from boto3's own chain; its standard mode retries throttling."""

    def __init__(self, uri: str, bucket: str, prefix: str) -> None:
        import boto3
        from botocore.config import Config

        self.uri = uri
        self.bucket = bucket
        self.prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self.client: Any = boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 8}))

    def list(self) -> list[SourceFile]:
        from botocore.exceptions import BotoCoreError, ClientError

        files = []
        try:
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix):
                for entry in page.get("Contents", []):
                    key = entry["Key"].removeprefix(self.prefix)
                    if key and not key.endswith("/"):
                        modified = entry["LastModified"].timestamp()
                        files.append(SourceFile(key, entry["Size"], entry["ETag"].strip('"'), modified))
        except (BotoCoreError, ClientError) as problem:
            raise ExportError(
                self.uri, f"cannot be listed: {problem}", fix="Check the bucket's name, region and credentials"
            ) from None
        return sorted(files)

    def _get(self, file: SourceFile) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + file.key, IfMatch=f'"{file.etag}"')
        except ClientError as problem:
            if problem.response["Error"]["Code"] in ("NoSuchKey", "404", "PreconditionFailed", "412"):
                raise _changed(self.uri, file) from None
            raise ExportError(f"{self.uri}: {file.key}", f"cannot be read: {problem}") from None
        except BotoCoreError as problem:
            raise ExportError(f"{self.uri}: {file.key}", f"cannot be read: {problem}") from None
        return answer["Body"]

    def read(self, file: SourceFile) -> bytes:
        content: bytes = self._get(file).read()
        return content

    def fetch(self, file: SourceFile, scratch: Path) -> Path:
        from botocore.exceptions import BotoCoreError

        # Keys are foreign text (`..`, a leading slash): only their last part becomes a path.
        path = scratch / hashlib.sha256(file.key.encode()).hexdigest()[:16] / PurePosixPath(file.key).name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("wb") as target:
                shutil.copyfileobj(self._get(file), target, 1 << 20)
        except (BotoCoreError, OSError) as problem:
            raise ExportError(f"{self.uri}: {file.key}", f"the download broke off: {problem}") from None
        if path.stat().st_size != file.size:
            raise ExportError(f"{self.uri}: {file.key}", f"got {path.stat().st_size} of {file.size} bytes")
        return path


def _changed(uri: str, file: SourceFile) -> ExportChangedError:
    return ExportChangedError(
        f"{uri}: {file.key}", "changed or vanished while it was being read", "The previous delivery stays", "Run again"
    )
