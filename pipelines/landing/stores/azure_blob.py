"""A container of an Azure storage account (Blob or Data Lake Gen2), read by its Blob endpoint.

Credentials: AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_KEY (of AZURE_STORAGE_ACCOUNT)
where they belong to the uri's account; else Azure's own chain (environment, workload or managed identity, az login).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from pipelines.errors import SettingsError
from pipelines.landing.stores.store import ObjectStore, SourceFile, changed, not_listed, not_read

_PAGE = 5000
# Of one request: 1, 3, 5, 9, … seconds apart.
_RETRIES = {"initial_backoff": 1, "increment_base": 2, "retry_total": 5, "random_jitter_range": 1}
_CHUNK = 8 << 20


class AzureBlobStore(ObjectStore):
    def __init__(self, uri: str, path: str) -> None:
        match = re.fullmatch(r"([a-z0-9$-]+)@([a-z0-9]+)\.(?:dfs|blob)\.([A-Za-z0-9.-]+)(?:/(.*))?", path, re.DOTALL)
        if not match:
            raise SettingsError(
                uri,
                "is not abfss://container@account.dfs.core.windows.net/path",
                "Nothing was read",
                "Mend uri in finops.toml",
            )
        self.uri = uri
        self.container, self.account, self.domain, prefix = match.groups(default="")
        self.prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    @cached_property
    def client(self) -> Any:
        from azure.storage.blob import ContainerClient, ExponentialRetry

        options = {
            "retry_policy": ExponentialRetry(**_RETRIES),
            "max_single_get_size": _CHUNK,
            "max_chunk_get_size": _CHUNK,
            "connection_timeout": 20,
            "read_timeout": 60,
        }
        connection = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
        if re.search(rf"(?i)(AccountName={self.account}(;|$)|Endpoint=https?://{self.account}\.)", connection):
            return ContainerClient.from_connection_string(connection, self.container, **options)
        return ContainerClient(
            f"https://{self.account}.blob.{self.domain}", self.container, credential=self._credential(), **options
        )

    def _credential(self) -> Any:
        from azure.identity import DefaultAzureCredential

        if os.environ.get("AZURE_STORAGE_ACCOUNT", self.account) == self.account:
            for name in ("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_KEY"):
                if os.environ.get(name):
                    return os.environ[name]
        return DefaultAzureCredential()

    def list(self) -> list[SourceFile]:
        from azure.core.exceptions import AzureError

        files = []
        try:
            for blob in self.client.list_blobs(self.prefix or None, include=["metadata"], results_per_page=_PAGE):
                key = blob.name.removeprefix(self.prefix)
                is_folder = (blob.metadata or {}).get("hdi_isfolder") == "true"
                if key and not key.endswith("/") and not is_folder:
                    files.append(SourceFile(key, blob.size, blob.etag, blob.last_modified.timestamp()))
        except (AzureError, ValueError) as problem:  # ValueError: a key that is not base64
            raise not_listed(self.uri, _words(problem), _fix(problem)) from None
        return sorted(files)

    def chunks(self, file: SourceFile, start: int) -> Iterable[bytes]:
        from azure.core import MatchConditions
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        blob = self.client.get_blob_client(self.prefix + file.key)
        unchanged = {"etag": file.etag, "match_condition": MatchConditions.IfNotModified}
        try:
            if start < file.size:
                yield from blob.download_blob(offset=start, **unchanged).chunks()
        except AzureError as problem:
            if isinstance(problem, ResourceNotFoundError) or getattr(problem, "status_code", None) == 412:
                raise changed(self.uri, file) from None
            raise not_read(self.uri, file, _words(problem), _fix(problem)) from None


def _words(problem: Exception) -> object:
    """The service's code and first sentence; what follows are request ids."""
    code = getattr(problem, "error_code", None)
    first = str(getattr(problem, "message", None) or problem).split("\n")[0]
    return f"{code}: {first}" if code else first


def _fix(problem: Exception) -> str | None:
    from azure.core.exceptions import ClientAuthenticationError

    status = getattr(problem, "status_code", None)
    if isinstance(problem, (ClientAuthenticationError, ValueError)) or status in (401, 403):
        return (
            "Renew the credentials (`az login`, a new SAS token or key), grant them Storage Blob Data Reader on the "
            "container, and check this machine's clock"
        )
    if status == 404:
        return "Check account and container in finops.toml"
    return None
