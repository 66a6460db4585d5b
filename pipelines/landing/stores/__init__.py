"""Where exports lie: a local folder, a bucket or a BigQuery table, listed and fetched the same way.

Credentials come from each SDK's own chain (environment, profile, workload identity) and are never written anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.errors import SettingsError
from pipelines.landing.stores.azure_blob import AzureBlobStore
from pipelines.landing.stores.bigquery import BigQueryTable
from pipelines.landing.stores.gcs import GcsStore
from pipelines.landing.stores.local import LocalStore
from pipelines.landing.stores.s3 import S3Store
from pipelines.landing.stores.store import SourceFile, Store, TableStore

__all__ = ["LocalStore", "SourceFile", "Store", "TableStore", "open_store"]


def open_store(uri: str, workspace_root: Path, remembered: dict[str, Any] | None = None) -> Store | TableStore:
    """The store behind `uri`; a relative path is relative to the workspace.

    `remembered` outlives the process: what a store learnt about an unchanged place, by uri.
    """
    scheme, _, rest = uri.partition("://")
    if not rest:
        return LocalStore(uri, (workspace_root / Path(uri).expanduser()))
    if scheme == "file":
        return LocalStore(uri, Path("/" + rest.lstrip("/")))
    if scheme in ("s3", "s3a"):
        return S3Store(uri, *rest.partition("/")[::2])
    if scheme == "gs":
        return GcsStore(uri, *rest.partition("/")[::2])
    if scheme in ("abfss", "abfs", "wasbs"):
        return AzureBlobStore(uri, rest)
    if scheme == "bigquery":
        return BigQueryTable(uri, rest, remembered if remembered is not None else {})
    raise SettingsError(
        uri,
        f"'{scheme}://' is not a place this version can read",
        fix="Use a local folder, s3://, abfss://, gs:// or bigquery://",
    )
