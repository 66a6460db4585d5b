"""A Google Cloud Storage bucket and prefix.

Credentials come from Google's own chain. STORAGE_EMULATOR_HOST points to a local server, which gets none.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from pipelines.landing.stores import store as stores
from pipelines.landing.stores.store import ObjectStore, SourceFile, changed, not_listed, not_read

_PAGE = 1000
_CHUNK = 8 << 20


class GcsStore(ObjectStore):
    def __init__(self, uri: str, bucket: str, prefix: str) -> None:
        self.uri = uri
        self.bucket = bucket
        self.prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    @cached_property
    def client(self) -> Any:
        import google.auth
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        if os.environ.get("STORAGE_EMULATOR_HOST"):
            return storage.Client("local", credentials=AnonymousCredentials())
        credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/devstorage.read_only"])
        return storage.Client(project or "none", credentials=credentials)

    def list(self) -> list[SourceFile]:
        files = []
        try:
            for blob in self.client.list_blobs(
                self.bucket,
                prefix=self.prefix,
                page_size=_PAGE,
                fields="items(name,size,generation,updated),nextPageToken",
                retry=_patient(),
                timeout=stores.PATIENCE,
            ):
                key = blob.name.removeprefix(self.prefix)
                if key and not key.endswith("/"):
                    files.append(SourceFile(key, blob.size, str(blob.generation), blob.updated.timestamp()))
        except _problems() as problem:
            raise not_listed(self.uri, _cause(problem), _fix(problem)) from None
        return sorted(files)

    def chunks(self, file: SourceFile, start: int) -> Iterable[bytes]:
        """Ranges of one generation of the object, as it is stored (never unpacked on the way)."""
        from google.api_core.exceptions import NotFound

        blob = self.client.bucket(self.bucket).blob(self.prefix + file.key, generation=int(file.etag))
        while start < file.size:
            content = io.BytesIO()
            try:
                blob.download_to_file(
                    content,
                    start=start,
                    end=min(start + _CHUNK, file.size) - 1,
                    raw_download=True,
                    checksum=None,
                    retry=_patient(),
                    timeout=stores.PATIENCE,
                )
            except NotFound:
                raise changed(self.uri, file) from None
            except _problems() as problem:
                raise not_read(self.uri, file, _cause(problem), _fix(problem)) from None
            start += content.tell()
            yield content.getvalue()


def _patient() -> Any:
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_delay(initial=0.25, maximum=10, multiplier=2).with_timeout(stores.PATIENCE)


def _problems() -> tuple[type[Exception], ...]:
    """What the client raises when it gives up; it takes up a body that was cut by itself."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from urllib3.exceptions import HTTPError

    return GoogleAPIError, GoogleAuthError, HTTPError, OSError


def _cause(problem: Exception) -> object:
    """Google's own words, out of the error that says how long it was retried."""
    cause = getattr(problem, "cause", None) or problem
    return getattr(cause, "message", None) or cause


def _fix(problem: Exception) -> str | None:
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    cause = getattr(problem, "cause", None) or problem
    if isinstance(cause, (GoogleAuthError, exceptions.Unauthorized)):
        return "Renew the credentials (`gcloud auth application-default login`) and check this machine's clock"
    if isinstance(cause, exceptions.Forbidden):
        return "Grant the credentials roles/storage.objectViewer on the bucket"
    if isinstance(cause, exceptions.NotFound):
        return "Check the bucket's name in finops.toml"
    return None
