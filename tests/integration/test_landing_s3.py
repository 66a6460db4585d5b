"""Landing from S3: a prefix lands like a folder, whatever else lies in it and whatever happens while it is read."""

from decimal import Decimal

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from pipelines.landing import land
from pipelines.landing.deliveries import landed_deliveries
from pipelines.landing.stores import s3, store
from pipelines.landing.stores.s3 import S3Store
from tests.emulators.faults import faulty_proxy
from tests.integration.bills import cur2_rows, data_export, landed, line, outcomes, report, workspace
from tests.integration.remote_stores import Remote, RemoteStoreTests

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch, request):
    """An empty bucket of the test's own; the SDK's own chain is pointed at the local server."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLETOKEN",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    made = boto3.resource("s3").Bucket(f"bills-{abs(hash(request.node.nodeid))}")
    made.create()
    return made


@pytest.fixture
def remote(bucket, endpoint, monkeypatch):
    def refused(status: int, code: str, message: str):
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return status, {"Content-Type": "application/xml"}, body.encode()

    monkeypatch.setattr(s3, "_ATTEMPTS", 2)
    monkeypatch.setattr(store, "_BREAKS", 3)
    monkeypatch.setattr(s3, "_PAGE", 20)
    with faulty_proxy(endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield Remote(
            proxy=proxy,
            uri=f"s3://{bucket.name}",
            put=lambda key, content: bucket.put_object(Key=key, Body=content),
            delete=lambda key: bucket.Object(key).delete(),
            lists=r"GET /bills-\d+\?list-type=2",
            gets=lambda name: rf"GET /bills-\d+/cur/.*{name}",
            throttled=refused(503, "SlowDown", "Please reduce your request rate."),
            unavailable=refused(500, "InternalError", "We encountered an internal error. Please try again."),
            expired=refused(400, "ExpiredToken", "The provided token has expired."),
            renew="Renew the credentials (`aws sso login`",
            skewed=refused(403, "RequestTimeTooSkewed", "The difference between the request time and the current time"),
            secrets=[SECRET, "FwoGZXIvYXdzEXAMPLETOKEN"],
        )


class TestS3(RemoteStoreTests):
    pass


def test_a_cut_body_is_taken_up_where_it_broke(tmp_path, remote):
    """What has come is not sent again: the second request asks for the rest of the same version."""
    remote.put("bill.csv", bytes(range(256)) * 4096)
    remote.proxy.inject("GET .*/bill.csv", times=1, cut=700_000)
    opened = S3Store(remote.uri, remote.uri.removeprefix("s3://"), "")
    (file,) = opened.list()
    assert opened.fetch(file, tmp_path).read_bytes() == bytes(range(256)) * 4096
    first, second = remote.proxy.seen("GET .*/bill.csv")
    assert "Range" not in first.headers and second.headers["Range"].startswith("bytes=")
    assert int(second.headers["Range"][6:-1]) > 600_000
    assert first.headers["If-Match"] == second.headers["If-Match"] == f'"{file.etag}"'


def test_a_data_export_is_found_behind_a_thousand_strays(tmp_path, bucket):
    """Listings come in pages of 1,000: 1,200 strays sort before the export, and neither they nor old runs count."""
    for number in range(1_200):
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket.name, f"exports/a-stray-{number:04}.txt", b"x")
    for execution, cost, rows, month in (
        ("2026-09-19T06:00:00.000Z-old", "5", 3, "2026-09"),
        ("2026-09-20T06:00:00.000Z-new", "0.1", 2, "2026-09"),
        ("2026-10-20T06:00:00.000Z-new", "9", 1, "2026-10"),
    ):
        data_export(tmp_path / "in", cur2_rows(cost, rows=rows, month=month), month=month, execution=execution)
        for path in sorted((tmp_path / "in").rglob("*.*")):
            if path.is_file():
                bucket.upload_file(str(path), path.relative_to(tmp_path / "in").as_posix())
    opened = workspace(tmp_path / "w", source_format="cur2", main=f"s3://{bucket.name}/exports")

    first = land(opened)
    before = landed_deliveries(opened)
    second = land(opened)

    assert outcomes(first) == {("main", "2026-09"): "landed", ("main", "2026-10"): "landed"}
    assert landed(opened) == [Decimal("0.1"), Decimal("0.1"), Decimal(9)]
    assert set(outcomes(second).values()) == {"unchanged"} and landed_deliveries(opened) == before


def test_a_bucket_that_does_not_exist_is_a_clear_error_and_stops_nobody(tmp_path, remote):
    """The message names the uri and says what to check."""
    report(tmp_path / "in", [line("5")])
    remote.upload(tmp_path / "in")
    opened = workspace(tmp_path / "w", gone="s3://no-such-bucket/cur", main=f"{remote.uri}/cur")
    result = land(opened)
    assert {r.source: r.outcome for r in result.results} == {"gone": "failed", "main": "landed"}
    assert "s3://no-such-bucket/cur: cannot be listed" in str(result.failed[0].error)
    assert "Check the bucket's name" in result.failed[0].error.fix


def test_without_credentials_the_message_says_how_to_get_some(tmp_path, bucket, monkeypatch):
    """No credentials anywhere in the chain is a setting to mend, not a stack trace."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    (failed,) = land(workspace(tmp_path / "w", main=f"s3://{bucket.name}")).failed
    assert "Unable to locate credentials" in str(failed.error) and "Renew the credentials" in failed.error.fix


def test_a_hostile_key_is_written_only_inside_the_scratch_folder(tmp_path, bucket):
    """A key may hold `..`: it is fetched under a name of ours, never where it points."""
    bucket.put_object(Key="../../escaped.csv", Body=b"x")
    opened = S3Store(f"s3://{bucket.name}", bucket.name, "")
    (file,) = opened.list()
    path = opened.fetch(file, tmp_path / "a" / "b" / "scratch")
    assert file.key == "../../escaped.csv" and path.read_bytes() == b"x"
    assert path.resolve().is_relative_to(tmp_path / "a" / "b" / "scratch") and path.name == "escaped.csv"
    assert not (tmp_path / "a" / "escaped.csv").exists()
