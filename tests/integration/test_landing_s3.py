"""Landing from S3: a prefix lands like a folder, whatever else lies in it and whatever happens while it is read."""

from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from pipelines.landing import land
from pipelines.landing.deliveries import landed_deliveries
from pipelines.landing.stores.s3 import S3Store
from tests.integration.bills import cur2_rows, data_export, gz, landed, line, outcomes, report, workspace


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
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    made = boto3.resource("s3").Bucket(f"bills-{abs(hash(request.node.name))}")
    made.create()
    return made


def upload(bucket, folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            bucket.upload_file(str(path), path.relative_to(folder).as_posix())


def test_a_data_export_is_found_behind_a_thousand_strays(tmp_path, bucket):
    """Listings come in pages of 1,000: 1,200 strays sort before the export, and neither they nor old runs count."""
    for number in range(1_200):
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket.name, f"exports/a-stray-{number:04}.txt", b"x")
    data_export(tmp_path / "in", cur2_rows("5", rows=3), execution="2026-09-19T06:00:00.000Z-old")
    upload(bucket, tmp_path / "in")
    data_export(tmp_path / "in", cur2_rows("0.1", rows=2), execution="2026-09-20T06:00:00.000Z-new")
    data_export(tmp_path / "in", cur2_rows("9", month="2026-10"), month="2026-10")
    upload(bucket, tmp_path / "in")
    opened = workspace(tmp_path / "w", source_format="cur2", main=f"s3://{bucket.name}/exports")

    first = land(opened)
    before = landed_deliveries(opened)
    second = land(opened)

    assert outcomes(first) == {("main", "2026-09"): "landed", ("main", "2026-10"): "landed"}
    assert landed(opened) == [Decimal("0.1"), Decimal("0.1"), Decimal(9)]
    assert set(outcomes(second).values()) == {"unchanged"} and landed_deliveries(opened) == before


def test_the_same_export_has_the_same_delivery_id_on_disk_and_in_s3(tmp_path, bucket):
    """Ids name content, so a source that moves to S3 does not restate its months."""
    report(tmp_path / "in", [line("5")])
    upload(bucket, tmp_path / "in")
    ids = []
    for uri in (str(tmp_path / "in"), f"s3://{bucket.name}"):
        opened = workspace(tmp_path / "w", main=uri)
        assert not land(opened).failed
        ids.append(landed_deliveries(opened)[0].delivery_id)
    assert ids[0] == ids[1]


@pytest.mark.parametrize("change", ["rewritten", "vanished"])
def test_an_object_that_changes_between_listing_and_reading_keeps_the_previous_delivery(
    tmp_path, bucket, monkeypatch, change
):
    """A read is bound to the etag that was listed: no half-old, half-new month; the next run lands the new one."""
    part = report(tmp_path / "in", [line("5")]).relative_to(tmp_path / "in").as_posix()
    upload(bucket, tmp_path / "in")
    opened = workspace(tmp_path / "w", main=f"s3://{bucket.name}")
    land(opened)
    before = landed_deliveries(opened)
    bucket.put_object(Key=part, Body=gz(line("6")))
    listed = S3Store.list

    def list_then_change(self):
        files = listed(self)
        if change == "vanished":
            bucket.Object(part).delete()
        else:
            bucket.put_object(Key=part, Body=gz(line("7")))
        return files

    monkeypatch.setattr(S3Store, "list", list_then_change)
    (failed,) = land(opened).results
    assert failed.outcome == "failed"
    assert "mycur-1.csv.gz: changed or vanished while it was being read" in str(failed.error)
    assert "The previous delivery stays" in str(failed.error) and failed.error.fix == "Run again"
    assert landed(opened) == [Decimal(5)] and landed_deliveries(opened) == before

    monkeypatch.setattr(S3Store, "list", listed)
    bucket.put_object(Key=part, Body=gz(line("7")))
    assert outcomes(land(opened)) == {("main", "2026-09"): "restated"}
    assert landed(opened) == [Decimal(7)]


def test_a_bucket_that_does_not_exist_is_a_clear_error_and_stops_nobody(tmp_path, bucket):
    """The message names the uri and says what to check."""
    report(tmp_path / "in", [line("5")])
    upload(bucket, tmp_path / "in")
    opened = workspace(tmp_path / "w", gone="s3://no-such-bucket/cur", main=f"s3://{bucket.name}/cur")
    result = land(opened)
    assert {r.source: r.outcome for r in result.results} == {"gone": "failed", "main": "landed"}
    assert "s3://no-such-bucket/cur: cannot be listed" in str(result.failed[0].error)
    assert "bucket's name, region and credentials" in result.failed[0].error.fix


def test_a_prefix_without_an_export_is_an_error(tmp_path, bucket):
    """`exports` is a folder's name: what lies under `exports-old/` is not below it."""
    report(tmp_path / "in" / "exports-old", [line("5")])
    upload(bucket, tmp_path / "in")
    (failed,) = land(workspace(tmp_path / "w", main=f"s3://{bucket.name}/exports")).failed
    assert "no export found below" in str(failed.error)


def test_a_hostile_key_is_written_only_inside_the_scratch_folder(tmp_path, bucket):
    """A key may hold `..`: it is fetched under a name of ours, never where it points."""
    store = S3Store(f"s3://{bucket.name}", bucket.name, "")
    bucket.put_object(Key="bill.csv", Body=b"x")
    (file,) = store.list()
    hostile = type(file)("../../escaped.csv", file.size, file.etag, file.modified)
    store._get = lambda _: bucket.Object("bill.csv").get()["Body"]
    path = store.fetch(hostile, tmp_path / "a" / "b" / "scratch")
    assert path.resolve().is_relative_to(tmp_path / "a" / "b" / "scratch") and path.name == "escaped.csv"
    assert not (tmp_path / "a" / "escaped.csv").exists()
