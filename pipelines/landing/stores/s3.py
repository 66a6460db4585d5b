"""An S3 bucket and prefix. Credentials and endpoint come from boto3's own chain, which also retries throttling."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from pipelines.landing.stores.store import BodyBroken, ObjectStore, SourceFile, changed, not_listed, not_read

_ATTEMPTS = 8  # of one request; the SDK waits up to 20 seconds between two
_PAGE = 1000
_CHUNK = 1 << 20

_CREDENTIALS = "Renew the credentials (`aws sso login`, or the role that this machine runs with), then rerun"
_RIGHTS = "Allow s3:ListBucket on the bucket and s3:GetObject below the prefix (and kms:Decrypt for an encrypted one)"
_FIXES = {
    "ExpiredToken": _CREDENTIALS,
    "ExpiredTokenException": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "InvalidAccessKeyId": _CREDENTIALS,
    "TokenRefreshRequired": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "AccessDenied": _RIGHTS,
    "403": _RIGHTS,
    "RequestTimeTooSkewed": "Set this machine's clock (it is more than 15 minutes off), then rerun",
    "NoSuchBucket": "Check the bucket's name in finops.toml",
    "PermanentRedirect": "Set AWS_REGION to the bucket's region",
    "InvalidObjectState": "Restore the object from its archive class, then rerun",
}


class S3Store(ObjectStore):
    def __init__(self, uri: str, bucket: str, prefix: str) -> None:
        self.uri = uri
        self.bucket = bucket
        self.prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    @cached_property
    def client(self) -> Any:
        import boto3
        from botocore.config import Config

        patient = Config(retries={"mode": "standard", "total_max_attempts": _ATTEMPTS})
        return boto3.Session().client("s3", config=patient)

    def list(self) -> list[SourceFile]:
        from botocore.exceptions import BotoCoreError, ClientError

        files = []
        try:
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix, PaginationConfig={"PageSize": _PAGE}
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    key = entry["Key"].removeprefix(self.prefix)
                    if key and not key.endswith("/"):
                        modified = entry["LastModified"].timestamp()
                        files.append(SourceFile(key, entry["Size"], entry["ETag"].strip('"'), modified))
        except (BotoCoreError, ClientError) as problem:
            raise not_listed(self.uri, problem, _fix(problem)) from None
        return sorted(files)

    def chunks(self, file: SourceFile, start: int) -> Iterable[bytes]:
        from botocore.exceptions import BotoCoreError, ClientError

        rest = {"Range": f"bytes={start}-"} if start else {}
        try:
            answer = self.client.get_object(
                Bucket=self.bucket, Key=self.prefix + file.key, IfMatch=f'"{file.etag}"', **rest
            )
        except (BotoCoreError, ClientError) as problem:
            if _code(problem) in ("NoSuchKey", "404", "PreconditionFailed", "412"):
                raise changed(self.uri, file) from None
            raise not_read(self.uri, file, problem, _fix(problem)) from None
        try:
            yield from answer["Body"].iter_chunks(_CHUNK)
        except (BotoCoreError, OSError) as problem:
            raise BodyBroken(problem) from None


def _code(problem: Exception) -> str:
    return str(getattr(problem, "response", {}).get("Error", {}).get("Code", ""))


def _fix(problem: Exception) -> str | None:
    from botocore.exceptions import NoCredentialsError, PartialCredentialsError

    if isinstance(problem, (NoCredentialsError, PartialCredentialsError)) or "token" in type(problem).__name__.lower():
        return _CREDENTIALS
    return _FIXES.get(_code(problem))
