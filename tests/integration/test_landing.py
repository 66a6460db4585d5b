"""Landing real files: strays ignored, months replaced, bad files named, S3 like a folder, money exact."""

import gzip
import json
import random
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import duckdb
import pytest
from moto.server import ThreadedMotoServer

from pipelines.landing import land
from pipelines.landing.casts import connect
from pipelines.settings import Workspace

HEADER = (
    "identity/LineItemId,bill/PayerAccountId,bill/BillingPeriodStartDate,bill/BillingPeriodEndDate,"
    "lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,"
    "lineItem/CurrencyCode,lineItem/UnblendedCost,resourceTags/user:Owner"
)


def line(cost: str, month: str = "2026-09", tag: str = "ada") -> str:
    quoted = '"' + tag.replace('"', '""') + '"'
    start = f"{month}-01T00:00:00.000Z"
    account, end = "001234567890", f"{month}-30T00:00:00.000Z"
    return f"id,{account},{start},{end},{account},Usage,{start},{start},AmazonS3,USD,{cost},{quoted}"


def report(folder: Path, lines: list[str], assembly: str = "a1", header: str = HEADER) -> Path:
    """A legacy CUR of September 2026, create-new layout; returns its one part."""
    period = folder / "cur" / "mycur" / "20260901-20261001"
    part = period / assembly / "mycur-1.csv.gz"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(gzip.compress("\n".join([header, *lines, ""]).encode(), mtime=0))
    manifest = {
        "assemblyId": assembly,
        "reportName": "mycur",
        "billingPeriod": {"start": "20260901T000000.000Z", "end": "20261001T000000.000Z"},
        "reportKeys": [f"cur/mycur/20260901-20261001/{assembly}/mycur-1.csv.gz"],
    }
    for path in (period / "mycur-Manifest.json", period / assembly / "mycur-Manifest.json"):
        path.write_text(json.dumps(manifest))
    return part


def workspace(root: Path, **uris: str) -> Workspace:
    blocks = [
        f'[[sources]]\nname = "{name}"\nprovider = "aws"\nformat = "cur"\nuri = "{uri}"\n' for name, uri in uris.items()
    ]
    root.mkdir(exist_ok=True)
    (root / "finops.toml").write_text("\n".join(blocks))
    return Workspace.open(root)


def landed(opened: Workspace, column: str = "line_item_unblended_cost") -> list:
    files = f"{opened.landing}/cur/source=main/billing_period=2*/data.parquet"
    return [row[0] for row in duckdb.sql(f"select {column} from '{files}' order by x_source_row").fetchall()]


def test_an_older_assembly_beside_the_newest_changes_nothing(tmp_path):
    """AWS leaves every earlier version in place; only the one the period's manifest names counts."""
    report(tmp_path / "in", [line("5")], "old")
    report(tmp_path / "in", [line("7"), line("0.5")], "new")

    opened = workspace(tmp_path / "w", main=str(tmp_path / "in"))
    first = land(opened)
    second = land(opened)

    assert landed(opened) == [Decimal(7), Decimal("0.5")]
    assert [r.outcome for r in first.results] == ["landed"] and [r.outcome for r in second.results] == ["unchanged"]


def test_a_restated_month_is_replaced_and_its_previous_delivery_kept(tmp_path):
    """The new version stands alone; the old one lies in landing_history."""
    opened = workspace(tmp_path / "w", main=str(tmp_path / "in"))
    report(tmp_path / "in", [line("5")], "one")
    land(opened)
    report(tmp_path / "in", [line("6")], "two")

    assert [r.outcome for r in land(opened).results] == ["restated"]

    assert landed(opened) == [Decimal(6)]
    kept = list(opened.landing_history.rglob("data.parquet"))
    assert duckdb.sql(f"select line_item_unblended_cost from '{kept[0]}'").fetchall() == [(Decimal(5),)]


def test_tags_and_account_ids_survive_as_written(tmp_path):
    """Quotes, newlines and emoji in a tag, leading zeros in an account: byte for byte."""
    tag = 'say "hi"\nto 🦆, please'
    report(tmp_path / "in", [line("1", tag=tag)])
    opened = workspace(tmp_path / "w", main=str(tmp_path / "in"))
    land(opened)
    assert json.loads(landed(opened, "resource_tags")[0]) == {"user:Owner": tag}
    assert landed(opened, "line_item_usage_account_id") == ["001234567890"]


def absent(part: Path) -> None:
    part.unlink()


def cut(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-12])


def empty(part: Path) -> None:
    part.write_bytes(b"")


def no_cost_column(part: Path) -> None:
    part.write_bytes(gzip.compress(f"{HEADER.replace('lineItem/UnblendedCost', 'x')}\n{line('1')}\n".encode()))


def not_a_number(part: Path) -> None:
    part.write_bytes(gzip.compress(f"{HEADER}\n{line('1')}\n{line('1.5 USD')}\n".encode()))


def ragged(part: Path) -> None:
    part.write_bytes(gzip.compress(f"{HEADER}\n{line('1')}\nshort,row\n".encode()))


def escaping(part: Path) -> None:
    manifest = part.parent.parent / "mycur-Manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"reportKeys": ["../../etc/passwd"]}))


def other_month(part: Path) -> None:
    part.write_bytes(gzip.compress(f"{HEADER}\n{line('1', '2026-07')}\n".encode()))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (absent, "are not there"),
        (cut, "cut short"),
        (empty, "mycur-1.csv.gz"),
        (no_cost_column, "misses the column(s) line_item_unblended_cost"),
        (not_a_number, "row 2, column line_item_unblended_cost: '1.5 USD' is not a number"),
        (ragged, "Expected Number of Columns"),
        (escaping, "leaves the export's folder"),
        (other_month, "state another month than 2026-09"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_export_is_named_and_neither_lands_nor_stops_the_others(tmp_path, damage, said):
    """The message says what is wrong; the previous delivery stays; the other source lands."""
    part = report(tmp_path / "in", [line("5")])
    opened = workspace(tmp_path / "w", main=str(tmp_path / "in"))
    land(opened)
    damage(part)
    report(tmp_path / "other", [line("9")])
    opened = workspace(tmp_path / "w", main=str(tmp_path / "in"), other=str(tmp_path / "other"))

    result = land(opened)

    assert {r.source: r.outcome for r in result.results} == {"main": "failed", "other": "landed"}
    assert said in str(result.failed[0].error)
    assert landed(opened) == [Decimal(5)]


def test_an_s3_prefix_lands_like_a_folder(tmp_path, monkeypatch):
    """Listed in pages (1,200 strays lie beside the report), fetched, and not read again when unchanged."""
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bills")
        for number in range(1_200):
            s3.put_object(Bucket="bills", Key=f"cur/a-stray-{number:04}.txt", Body=b"x")
        report(tmp_path / "in", [line("5"), line("6.71E-8")])
        for path in (tmp_path / "in").rglob("*"):
            if path.is_file():
                s3.upload_file(str(path), "bills", path.relative_to(tmp_path / "in").as_posix())
        opened = workspace(tmp_path / "w", main="s3://bills/cur", gone="s3://no-such-bucket/cur")

        first, second = land(opened), land(opened)
    finally:
        server.stop()

    assert [r.outcome for r in first.results] == ["landed", "failed"]
    assert "no-such-bucket" in str(first.failed[0].error)
    assert second.results[0].outcome == "unchanged"
    assert landed(opened) == [Decimal(5), Decimal("0.0000000671")]


def test_money_text_is_rounded_half_even_once_as_python_does(tmp_path):
    """Twelve decimals, ties to even, exponents and long fractions: equal to Decimal on 5,000 numbers."""
    numbers = ["0.0000000000005", "0.0000000000015", "-0.0000000000025", "6.71E-8", "1e3", ".5", "-12"]
    chance = random.Random(1)
    numbers += [f"{chance.uniform(-1e4, 1e4):.{chance.randint(0, 22)}f}" for _ in range(5_000)]
    con = connect("1GB", 1, str(tmp_path))
    con.execute("create table numbers as select unnest(?) as t", [numbers])
    for text, value in con.execute("select t, money_text(t) from numbers").fetchall():
        assert value == Decimal(text).quantize(Decimal("1e-12"), rounding=ROUND_HALF_EVEN), text
