"""An S3 bucket and prefix. Credentials and endpoint come from boto3's own chain."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pipelines.errors import ExportError
from pipelines.landing.stores.store import SourceFile, changed, scratch_path


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
                raise changed(self.uri, file) from None
            raise ExportError(f"{self.uri}: {file.key}", f"cannot be read: {problem}") from None
        except BotoCoreError as problem:
            raise ExportError(f"{self.uri}: {file.key}", f"cannot be read: {problem}") from None
        return answer["Body"]

    def read(self, file: SourceFile) -> bytes:
        content: bytes = self._get(file).read()
        return content

    def fetch(self, file: SourceFile, scratch: Path) -> Path:
        from botocore.exceptions import BotoCoreError

        path = scratch_path(scratch, file)
        try:
            with path.open("wb") as target:
                shutil.copyfileobj(self._get(file), target, 1 << 20)
        except (BotoCoreError, OSError) as problem:
            raise ExportError(f"{self.uri}: {file.key}", f"the download broke off: {problem}") from None
        if path.stat().st_size != file.size:
            raise ExportError(f"{self.uri}: {file.key}", f"got {path.stat().st_size} of {file.size} bytes")
        return path
