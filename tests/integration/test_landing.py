"""Landing real files: strays ignored, months replaced, bad files named, text kept, killed runs mended by the next."""

import csv
import gzip
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
import zlib
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.landing import land
from pipelines.landing.deliveries import landed_deliveries
from pipelines.landing.stores import LocalStore
from tests.integration.bills import (
    HEADER,
    cur2_rows,
    data_export,
    gz,
    landed,
    line,
    open_workspace,
    outcomes,
    report,
    workspace,
)

FIXTURES = Path(__file__).parents[1] / "fixtures"
SEPTEMBER = ("main", "2026-09")


def test_an_older_assembly_beside_the_newest_changes_nothing(tmp_path):
    """AWS leaves every earlier version in place; only the one the period's manifest names counts."""
    report(tmp_path / "in", [line("5")], "old")
    report(tmp_path / "in", [line("7"), line("0.5")], "new")
    opened = workspace(tmp_path / "w", main=tmp_path / "in")

    assert outcomes(land(opened)) == {SEPTEMBER: "landed"}

    assert landed(opened) == [Decimal(7), Decimal("0.5")]


def test_landing_again_opens_no_file_of_an_unchanged_export(tmp_path, monkeypatch):
    """The listing alone shows that nothing changed: same delivery ids, same files, untouched."""
    report(tmp_path / "in", [line("5")])
    report(tmp_path / "in", [line("6", "2026-10")], month="2026-10")
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    before = landed_deliveries(opened)
    files = {path: path.stat().st_mtime_ns for path in opened.landing.rglob("*") if path.is_file()}

    def refuse(self, file, scratch):
        raise AssertionError(f"read {file.key} again")

    monkeypatch.setattr(LocalStore, "fetch", refuse)
    again = land(opened)

    assert set(outcomes(again).values()) == {"unchanged"} and len(again.results) == 2
    assert landed_deliveries(opened) == before
    assert {path: path.stat().st_mtime_ns for path in opened.landing.rglob("*") if path.is_file()} == files
    assert not opened.landing_history.exists()


def test_an_undeclared_file_is_not_read_again_either(tmp_path, monkeypatch):
    """Which months an export without a manifest holds is remembered, so an unchanged one is only listed."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bill.csv").write_text(f"{HEADER}\n{line('5')}\n")
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    monkeypatch.setattr(LocalStore, "fetch", lambda *_: pytest.fail("read again"))
    assert outcomes(land(opened)) == {SEPTEMBER: "unchanged"}


def test_a_restated_month_is_replaced_alone_and_its_previous_delivery_kept(tmp_path):
    """The new version stands alone, the other month is not touched, the old version lies in landing_history."""
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    report(tmp_path / "in", [line("5")], "one")
    report(tmp_path / "in", [line("9", "2026-10")], month="2026-10")
    land(opened)
    september, october = landed_deliveries(opened)
    october_file = opened.landing / "cur/source=main/billing_period=2026-10/data.parquet"
    untouched = october_file.stat().st_mtime_ns
    report(tmp_path / "in", [line("6"), line("1")], "two")

    assert outcomes(land(opened)) == {SEPTEMBER: "restated", ("main", "2026-10"): "unchanged"}

    assert landed(opened) == [Decimal(6), Decimal(1), Decimal(9)]
    assert landed_deliveries(opened)[1] == october and october_file.stat().st_mtime_ns == untouched
    kept = list(opened.landing_history.rglob("data.parquet"))
    assert [path.parent.name for path in kept] == [f"000001-{september.delivery_id}"]
    assert duckdb.sql(f"select line_item_unblended_cost from '{kept[0]}'").fetchall() == [(Decimal(5),)]


def test_the_same_bytes_under_a_new_assembly_are_no_new_delivery(tmp_path):
    """AWS rewrites reports that did not change; the content decides, and the second look reads nothing."""
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    report(tmp_path / "in", [line("5")], "one")
    land(opened)
    (before,) = landed_deliveries(opened)
    report(tmp_path / "in", [line("5")], "two")

    assert outcomes(land(opened)) == {SEPTEMBER: "unchanged"}

    (after,) = landed_deliveries(opened)
    assert after.delivery_id == before.delivery_id and after.landed_at == before.landed_at
    assert not opened.landing_history.exists()


def test_a_month_that_returns_to_an_earlier_version_lands_under_the_earlier_id(tmp_path):
    """A delivery id is a name of content: A, B, A gives the first id again, and both are in the history."""
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    ids = []
    for number, cost in enumerate(["5", "6", "5"]):
        report(tmp_path / "in", [line(cost)], f"a{number}")
        land(opened)
        ids.append(landed_deliveries(opened)[0].delivery_id)
    assert ids[0] == ids[2] != ids[1]
    assert {path.name for path in opened.landing_history.glob("cur/*/*/*")} == {f"000001-{ids[0]}", f"000002-{ids[1]}"}
    assert landed(opened) == [Decimal(5)]


def test_only_the_asked_month_lands(tmp_path):
    """--period leaves the others as they are; a month that the export does not have is an error."""
    report(tmp_path / "in", [line("5")])
    report(tmp_path / "in", [line("9", "2026-10")], month="2026-10")
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    assert outcomes(land(opened, period="2026-10")) == {("main", "2026-10"): "landed"}
    assert landed(opened) == [Decimal(9)]
    assert "no such month" in str(land(opened, period="2026-01").failed[0].error)


# --- bad input: named, kept out, and nobody else's problem ---


def absent(part: Path) -> None:
    part.unlink()


def cut_gzip(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-12])


def cut_gzip_between_two_rows(part: Path) -> None:
    squeeze = zlib.compressobj(wbits=31)
    whole = squeeze.compress(f"{HEADER}\n{line('1')}\n{line('2')}\n".encode()) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    assert zlib.decompressobj(wbits=31).decompress(whole).endswith(b"\n")
    part.write_bytes(whole)


def garbage_gzip(part: Path) -> None:
    part.write_bytes(b"this is not gzip at all, whatever its name says" * 20)


def damaged_gzip(part: Path) -> None:
    content = bytearray(gz(*(line(str(n), tag=f"{n * 7919}") for n in range(500))))
    content[len(content) // 2] ^= 0xFF
    part.write_bytes(content)


def empty(part: Path) -> None:
    part.write_bytes(b"")


def empty_gzip(part: Path) -> None:
    part.write_bytes(gzip.compress(b""))


def no_cost_column(part: Path) -> None:
    part.write_bytes(gz(line("1"), header=HEADER.replace("lineItem/UnblendedCost", "x")))


def not_a_number(part: Path) -> None:
    part.write_bytes(gz(line("1"), line("1.5 USD"), line("2")))


def not_a_date(part: Path) -> None:
    part.write_bytes(gz(line("1"), line("2"), line("3", start="31.09.2026")))


def no_such_day(part: Path) -> None:
    part.write_bytes(gz(line("1", start="2026-09-31T00:00:00Z")))


def ragged(part: Path) -> None:
    part.write_bytes(gz(line("1"), "short,row"))


def too_many_cells(part: Path) -> None:
    part.write_bytes(gz(line("1"), line("2") + ",surplus"))


def open_quote(part: Path) -> None:
    part.write_bytes(gz(line("1"), line("2").replace('"ada"', '"ada')))


def open_quote_in_the_header(part: Path) -> None:
    part.write_bytes(gz(header='"' + "x," * 100_000))


def latin_1(part: Path) -> None:
    part.write_bytes(gzip.compress(f"{HEADER}\n{line('1', tag='Käse')}\n".encode("latin-1")))


def no_currency(part: Path) -> None:
    part.write_bytes(gz(line("1", currency="")))


def odd_currency(part: Path) -> None:
    part.write_bytes(gz(line("1"), line("1", currency="US Dollar")))


def no_currency_column(part: Path) -> None:
    part.write_bytes(gz(line("1"), header=HEADER.replace("lineItem/CurrencyCode", "x")))


def no_charge_date(part: Path) -> None:
    part.write_bytes(gz(line("1"), line("2", start="NULL")))


def escaping(part: Path) -> None:
    manifest = part.parent.parent / "mycur-Manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"reportKeys": ["../../etc/passwd"]}))


def half_a_manifest(part: Path) -> None:
    manifest = part.parent.parent / "mycur-Manifest.json"
    manifest.write_text(manifest.read_text()[:40])


def other_month(part: Path) -> None:
    part.write_bytes(gz(line("1", "2026-07")))


def a_link_out_of_the_folder(part: Path) -> None:
    outside = part.parents[5] / "secret.csv.gz"
    part.rename(outside)
    part.symlink_to(outside)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (absent, "names 1 of 1 files that are not there"),
        (cut_gzip, "cut short"),
        (cut_gzip_between_two_rows, "cut short"),
        (garbage_gzip, "is not a sound gzip file"),
        (damaged_gzip, "is not a sound gzip file"),
        (empty, "cut short"),
        (empty_gzip, "is empty: it has no header row"),
        (no_cost_column, "misses the column(s) line_item_unblended_cost"),
        (not_a_number, "row 2, column line_item_unblended_cost: '1.5 USD' is not a number"),
        (not_a_date, "row 3, column line_item_usage_start_date: '31.09.2026' is not a date"),
        (no_such_day, "row 1, column line_item_usage_start_date: '2026-09-31T00:00:00Z' is not a date"),
        (ragged, "Expected Number of Columns"),
        (too_many_cells, "Expected Number of Columns"),
        (open_quote, "cannot be read"),
        (open_quote_in_the_header, "mycur-1.csv.gz"),
        (latin_1, "UTF-8"),
        (no_currency, "billing currency is '', not a three-letter code"),
        (odd_currency, "billing currency is 'US DOLLAR'"),
        (no_currency_column, "misses the column(s) line_item_currency_code"),
        (no_charge_date, "1 rows with a cost have no charge date"),
        (escaping, "leaves the export's folder"),
        (half_a_manifest, "is not a readable manifest"),
        (other_month, "1 rows state another month than 2026-09"),
        (a_link_out_of_the_folder, "outside the export's folder"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_export_is_named_and_neither_lands_nor_stops_the_others(tmp_path, damage, said):
    """The message names the file and what to do; the previous delivery stays; the other source lands."""
    part = report(tmp_path / "in", [line("5")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    (before,) = landed_deliveries(opened)
    damage(part)
    report(tmp_path / "other", [line("9")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in", other=tmp_path / "other")

    result = land(opened)

    assert {r.source: r.outcome for r in result.results} == {"main": "failed", "other": "landed"}
    error = result.failed[0].error
    assert said in str(error)
    assert "mycur-1.csv.gz" in str(error) or "mycur-Manifest.json" in str(error)
    assert error.fix or "UTF-8" in said or damage is half_a_manifest
    assert landed(opened) == [Decimal(5)] and landed_deliveries(opened)[0] == before


def test_a_month_that_lost_nearly_all_its_rows_waits_for_a_person(tmp_path):
    """A header-only file after 1,001 rows is quarantined with its reason, and let through by the setting it names."""
    part = report(tmp_path / "in", [line("1")] * 1001)
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    part.write_bytes(gz())

    (failed,) = land(opened).results

    assert failed.outcome == "failed" and "lost 100% of the previous delivery's rows (limit 90%)" in str(failed.error)
    assert "mycur-1.csv.gz" in str(failed.error) and "max_drop = 1.0" in failed.error.fix
    assert len(landed(opened)) == 1001
    reasons = opened.quarantine / "main" / "2026-09" / "reasons.json"
    assert json.loads(reasons.read_text()) == ["lost 100% of the previous delivery's rows (limit 90%)"]

    with (opened.root / "finops.toml").open("a") as toml:
        toml.write("\n[gate]\nmax_drop = 1.0\n")
    assert outcomes(land(type(opened).open(opened.root))) == {SEPTEMBER: "restated"}
    assert landed(opened) == []


def test_a_mended_file_lands_on_the_next_run(tmp_path):
    """A failure leaves nothing behind that would hide the repair."""
    part = report(tmp_path / "in", [line("x")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    assert outcomes(land(opened)) == {SEPTEMBER: "failed"}
    assert landed_deliveries(opened) == []
    part.write_bytes(gz(line("5")))
    assert outcomes(land(opened)) == {SEPTEMBER: "landed"}
    assert landed(opened) == [Decimal(5)]


def test_a_month_that_fails_does_not_stop_the_other_months(tmp_path):
    """October is sound, so October lands."""
    report(tmp_path / "in", [line("x")])
    report(tmp_path / "in", [line("9", "2026-10")], month="2026-10")
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    assert outcomes(land(opened)) == {SEPTEMBER: "failed", ("main", "2026-10"): "landed"}


@pytest.mark.parametrize("declared", ["cost_details", "focus", "billing_export"])
def test_a_source_declared_in_the_wrong_format_says_so(tmp_path, declared):
    """A CUR read as another format misses that format's columns; the error points at `format`."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bill.csv").write_text(f"{HEADER}\n{line('5')}\n")
    opened = workspace(tmp_path / "w", source_format=declared, main=tmp_path / "in")
    (failed,) = land(opened).failed
    assert "bill.csv: misses the column(s)" in str(failed.error)
    assert "`format` of main" in failed.error.fix


@pytest.mark.parametrize(
    "content", [b"", b"PAR1 nonsense PAR1", b"identity,cost\n1,2\n"], ids=["empty", "garbage", "csv"]
)
def test_a_file_that_is_parquet_by_name_only_is_named(tmp_path, content):
    """The error names the file; the sound month beside it lands."""
    data_export(tmp_path / "in", cur2_rows("5")).write_bytes(content)
    data_export(tmp_path / "in", cur2_rows("9", month="2026-10"), month="2026-10")
    opened = workspace(tmp_path / "w", source_format="cur2", main=tmp_path / "in")
    result = land(opened)
    assert outcomes(result) == {SEPTEMBER: "failed", ("main", "2026-10"): "landed"}
    assert "e-00001.snappy.parquet: is not a sound Parquet file" in str(result.failed[0].error)


def test_a_truncated_parquet_file_is_named(tmp_path):
    """A broken-off upload has no footer."""
    part = data_export(tmp_path / "in", cur2_rows("5", rows=100))
    part.write_bytes(part.read_bytes()[:-100])
    (failed,) = land(workspace(tmp_path / "w", source_format="cur2", main=tmp_path / "in")).failed
    assert "is not a sound Parquet file" in str(failed.error)


def test_a_source_that_cannot_be_opened_does_not_stop_the_others(tmp_path):
    """An unknown scheme or an absent folder is that source's failure alone."""
    report(tmp_path / "in", [line("5")])
    opened = workspace(tmp_path / "w", ftp="ftp://host/bills", gone=tmp_path / "gone", main=tmp_path / "in")
    result = land(opened)
    assert {r.source: r.outcome for r in result.results} == {"ftp": "failed", "gone": "failed", "main": "landed"}
    assert "'ftp://' is not a place" in str(result.failed[0].error)
    assert "there is no such folder" in str(result.failed[1].error)


def test_what_breaks_one_source_is_said_and_stops_no_other(tmp_path):
    """An error of the system (a folder in the way) is that month's alone, like any other."""
    report(tmp_path / "in", [line("5")])
    report(tmp_path / "other", [line("9")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in", other=tmp_path / "other")
    (opened.landing / "cur/source=main/billing_period=2026-09/data.parquet").mkdir(parents=True)
    result = land(opened)
    assert {r.source: r.outcome for r in result.results} == {"main": "failed", "other": "landed"}
    assert "data.parquet" in str(result.failed[0].error) and "then rerun" in result.failed[0].error.fix


def test_files_of_a_killed_landing_are_cleared_by_the_next_one(tmp_path):
    """Scratch holds copies of bills: nothing of it outlives the next run of the same source."""
    report(tmp_path / "in", [line("5")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    left = opened.scratch / "landing" / "main" / "raw" / "rows.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"left behind")
    assert not land(opened).failed
    assert [path for path in opened.scratch.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("month", ["../../x", "2026/9", "202613", ""])
def test_a_row_s_month_never_becomes_a_path(tmp_path, month):
    """GCP rows state their invoice month as text; text that is no month is refused with its file."""
    (tmp_path / "in").mkdir()
    header = "cost,currency,usage_start_time,invoice.month,service.id,sku.id"
    (tmp_path / "in" / "rows.csv").write_text(f"{header}\n1,USD,2026-09-29 00:00:00 UTC,{month},s,k\n")
    opened = workspace(tmp_path / "w", "gcp", "billing_export", main=tmp_path / "in")
    (failed,) = land(opened).failed
    assert "rows.csv" in str(failed.error) and failed.error.fix
    assert list(opened.landing.glob("billing_export/source=main/billing*")) == []


def test_rows_short_of_what_an_azure_manifest_announces_are_quarantined(tmp_path):
    """A plain CSV cut between two rows looks whole; the manifest's row count shows that it is not."""
    run = tmp_path / "in" / "daily" / "20260901-20260930" / "r1"
    run.mkdir(parents=True)
    (run / "part_0_0001.csv").write_text("date,costInBillingCurrency,billingCurrency\n09/01/2026,5,EUR\n")
    manifest = {
        "exportConfig": {"exportName": "daily", "type": "ActualCost"},
        "runInfo": {"submittedTime": "2026-09-20T06:00:00Z"},
        "blobs": [{"blobName": "daily/20260901-20260930/r1/part_0_0001.csv", "dataRowCount": 3}],
    }
    (run / "manifest.json").write_text(json.dumps(manifest))
    opened = workspace(tmp_path / "w", "azure", "cost_details", main=tmp_path / "in")
    (failed,) = land(opened).failed
    assert "2 rows of those the manifest announces are missing" in str(failed.error)


def test_rows_that_state_no_month_are_an_error_and_never_vanish(tmp_path):
    """In a file of two months a row without any date belongs to neither; it must not be lost silently."""
    (tmp_path / "in").mkdir()
    undated = line("100").replace("2026-09-01T00:00:00.000Z", "")
    content = "\n".join([HEADER, line("1"), line("2", "2026-10"), undated, ""])
    (tmp_path / "in" / "bill.csv").write_text(content)
    result = land(workspace(tmp_path / "w", main=tmp_path / "in"))
    assert {r.outcome for r in result.results} == {"failed"}
    assert "bill.csv" in str(result.failed[0].error)


# --- what is landed is what was written ---

AWKWARD = 'say "hi"\nto 🦆, O\'Neil; {"a": 1}\\'


def test_awkward_tags_survive_in_a_cur_csv(tmp_path):
    """Quotes, newlines, emoji, backslashes and JSON in a tag: byte for byte."""
    report(tmp_path / "in", [line("1", tag=AWKWARD), line("2", tag="")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    first, second = landed(opened, "resource_tags")
    assert json.loads(first) == {"user:Owner": AWKWARD} and second is None


def test_awkward_tags_survive_in_a_cur2_map(tmp_path):
    """The Parquet MAP lands as one JSON object of the same keys and values."""
    tags = f"map {{'user_owner': {sql_text(AWKWARD)}, 'ключ 🦆': 'x'}}"
    data_export(tmp_path / "in", cur2_rows("0.1", tags))
    opened = workspace(tmp_path / "w", source_format="cur2", main=tmp_path / "in")
    land(opened)
    assert json.loads(landed(opened, "resource_tags")[0]) == {"user_owner": AWKWARD, "ключ 🦆": "x"}
    assert landed(opened) == [Decimal("0.1")]


def sql_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def test_awkward_tags_survive_in_azure_json(tmp_path):
    """Azure's tags column is JSON text and lands letter by letter."""
    tags = json.dumps({"Owner": AWKWARD, "b": ""}, ensure_ascii=False)
    cell = '"' + tags.replace('"', '""') + '"'
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bill.csv").write_text(
        f"Date,CostInBillingCurrency,BillingCurrencyCode,Tags\n09/01/2026,5,EUR,{cell}\n", "utf-8"
    )
    opened = workspace(tmp_path / "w", "azure", "cost_details", main=tmp_path / "in")
    land(opened)
    assert landed(opened, "tags") == [tags]
    assert json.loads(landed(opened, "tags")[0])["Owner"] == AWKWARD


@pytest.mark.parametrize("marks", ["\ufeff", "\ufeff\ufeff"])
def test_byte_order_marks_do_not_hide_the_first_column(tmp_path, marks):
    """One mark or two in front of the header, and one in front of the first value, all vanish."""
    (tmp_path / "in").mkdir()
    text = f"{marks}SubscriptionId,Date,CostInBillingCurrency,BillingCurrencyCode\n\ufeffs-1,09/01/2026,5,EUR\n"
    (tmp_path / "in" / "bill.csv").write_text(text, "utf-8")
    opened = workspace(tmp_path / "w", "azure", "cost_details", main=tmp_path / "in")
    assert outcomes(land(opened)) == {SEPTEMBER: "landed"}
    assert landed(opened, "subscription_id") == ["s-1"]


def test_a_zipped_report_lands_like_a_plain_one(tmp_path):
    """Every CSV in the zip counts, other members do not."""
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "bill.csv.zip", "w") as archive:
        archive.writestr("a/one.csv", f"{HEADER}\n{line('5')}\n")
        archive.writestr("b/two.csv", f"{HEADER}\n{line('6')}\n")
        archive.writestr("readme.txt", "hello")
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    assert outcomes(land(opened)) == {SEPTEMBER: "landed"}
    assert landed(opened) == [Decimal(5), Decimal(6)]
    assert landed(opened, "x_source_file") == ["bill.csv.zip!one.csv", "bill.csv.zip!two.csv"]


@pytest.mark.parametrize("kind", ["garbage", "no csv", "encrypted"])
def test_a_zip_that_cannot_be_unpacked_is_named_and_stops_nobody(tmp_path, kind):
    """A damaged, empty or encrypted zip fails its own source only."""
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "bill.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.txt" if kind == "no csv" else "one.csv", f"{HEADER}\n{line('5')}\n")
    if kind == "garbage":
        path.write_bytes(b"PK nonsense")
    if kind == "encrypted":
        content = path.read_bytes()
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            at = content.index(mark) + offset
            content = content[:at] + b"\x01" + content[at + 1 :]
        path.write_bytes(content)
    report(tmp_path / "other", [line("9")])
    result = land(workspace(tmp_path / "w", main=tmp_path / "in", other=tmp_path / "other"))
    assert {r.source: r.outcome for r in result.results} == {"main": "failed", "other": "landed"}
    assert "bill.zip" in str(result.failed[0].error)


def test_columns_that_we_do_not_know_survive_as_text(tmp_path):
    """A provider's new column lands as written: no guess at its type, no zeros lost, dots in its name or not."""
    header = HEADER + ",lineItem/NewThing,Owner,owner,my.column"
    report(tmp_path / "in", [line("1") + ",0042,A,b,1e3"], header=header)
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    (delivery,) = landed_deliveries(opened)
    assert landed(opened, "line_item_new_thing") == ["0042"]
    assert (landed(opened, "owner"), landed(opened, "owner__2")) == (["A"], ["b"])
    assert [name for name in delivery.columns if name.startswith("my")] != []


def test_nested_columns_that_we_do_not_know_survive_as_json(tmp_path):
    """A MAP or STRUCT without a contract lands as JSON text."""
    data_export(tmp_path / "in", f"select *, {{'a': 1, 'b': ['x']}} as new_thing from ({cur2_rows('1')})")
    opened = workspace(tmp_path / "w", source_format="cur2", main=tmp_path / "in")
    land(opened)
    assert json.loads(landed(opened, "new_thing")[0]) == {"a": 1, "b": ["x"]}


def test_account_ids_keep_their_leading_zeros(tmp_path):
    """An account id is text."""
    report(tmp_path / "in", [line("1")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    assert landed(opened, "line_item_usage_account_id") == ["001234567890"]


def test_contract_columns_that_an_export_lacks_land_as_typed_null(tmp_path):
    """The models read the same columns and types from every delivery."""
    report(tmp_path / "in", [line("1")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    assert landed(opened, "savings_plan_used_commitment") == [None]
    assert landed(opened, "typeof(savings_plan_used_commitment)") == ["DECIMAL(28,12)"]


def test_control_totals_tie_the_text_to_what_landed(tmp_path):
    """1.0000000000005 + 0.0000000000015: source to the last digit, landed half-even, the rest named rounding."""
    report(tmp_path / "in", [line("1.0000000000005"), line("0.0000000000015")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    (total,) = landed_deliveries(opened)[0].totals
    assert total.source == Decimal("1.000000000002") and total.landed == Decimal("1.000000000002")
    assert total.rounding == 0 and total.rows == 2


def test_a_real_ea_bill_ties_to_the_sum_of_its_text(tmp_path):
    """Microsoft's sample of eleven rows: every row lands and the cost is the sum of the Cost column."""
    (tmp_path / "in").mkdir()
    shutil.copy(FIXTURES / "azure" / "EA_ActualCost_Small.csv", tmp_path / "in" / "actual.csv")
    with (tmp_path / "in" / "actual.csv").open(encoding="utf-8-sig", newline="") as lines:
        costs = [Decimal(row["Cost"]) for row in csv.DictReader(lines)]
    opened = workspace(tmp_path / "w", "azure", "cost_details", main=tmp_path / "in")
    land(opened)
    assert [d.rows for d in landed_deliveries(opened)] == [len(costs)]
    assert sum(total.source for d in landed_deliveries(opened) for total in d.totals) == sum(costs)


def test_google_s_crossover_rows_are_billed_in_the_month_of_their_invoice(tmp_path):
    """Two slices, usage of September invoiced in October: each row lands once, under its invoice month."""
    header = "cost,currency,usage_start_time,invoice.month,service.id,sku.id"
    for label, rows in {
        "202609": ["1,USD,2026-09-29 00:00:00 UTC,202609,s,k", "2,USD,2026-09-30 23:00:00 UTC,202610,s,k"],
        "202610": ["4,USD,2026-10-01 00:00:00 UTC,202610,s,k"],
    }.items():
        folder = tmp_path / "in" / f"invoice_month={label}"
        folder.mkdir(parents=True)
        (folder / "rows.csv").write_text("\n".join([header, *rows, ""]))
    opened = workspace(tmp_path / "w", "gcp", "billing_export", main=tmp_path / "in")
    land(opened)
    files = f"{opened.landing}/billing_export/source=main/billing_period=2*/data.parquet"
    rows = duckdb.sql(f"select x_billing_period, sum(cost) from '{files}' group by 1 order by 1").fetchall()
    assert rows == [("2026-09", Decimal(1)), ("2026-10", Decimal(6))]


def test_a_default_currency_fills_only_what_the_file_leaves_empty(tmp_path):
    """`currency` in finops.toml is for old exports without the column; a stated currency wins."""
    report(tmp_path / "in", [line("1", currency=""), line("2", currency="eur")])
    source = {"name": "main", "provider": "aws", "format": "cur", "uri": str(tmp_path / "in"), "currency": "USD"}
    opened = open_workspace(tmp_path / "w", source)
    land(opened)
    assert landed(opened, "line_item_currency_code") == ["USD", "EUR"]


# --- killed and started again ---

_LAND = """
import os, signal, sys
from pathlib import Path
from data_quality import expectations
from pipelines.landing import land
from pipelines.settings import Workspace
import great_expectations
opened, kill_at = Workspace.open(Path(sys.argv[1])), int(sys.argv[2])
calls = 0
def deadly(original):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)
    return call
os.replace, os.link = deadly(os.replace), deadly(os.link)
print("ready", flush=True)
land(opened)
"""
_MONTHS = ("2026-08", "2026-09")


def versions(folder: Path, cost: int) -> None:
    for month in _MONTHS:
        report(
            folder, [line(f"{cost}.{n:05d}", month, f"tag {n % 97}") for n in range(10_000)], f"v{cost}", month=month
        )


def contents(opened) -> dict[str, list]:
    """Delivery id -> rows, of everything in landing and in its history."""
    result = {}
    for root in (opened.landing, opened.landing_history):
        for path in root.glob("cur/source=main/**/data.parquet"):
            described = json.loads((path.parent / "delivery.json").read_text())
            where = f"{root.name} {described['billing_period']} {described['delivery_id']}"
            result[where] = duckdb.sql(
                f"select x_delivery_id, count(*), sum(line_item_unblended_cost), hash(string_agg(resource_tags)) "
                f"from '{path}' group by 1"
            ).fetchall()
    return result


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A workspace with version one landed (to start from), and the contents after version two."""
    root = tmp_path_factory.mktemp("undisturbed")
    versions(root / "one", 1)
    versions(root / "two", 2)
    land(workspace(root / "start", main=root / "one"))
    shutil.copytree(root / "start", root / "end")
    end = workspace(root / "end", main=root / "two")
    land(end)
    return root, contents(end)


@pytest.mark.parametrize("moment", ["call 1", "call 2", "call 3", "call 4", "0.05", "0.4"])
def test_a_killed_landing_is_mended_by_the_next_one(tmp_path, undisturbed, moment):
    """kill -9 at each link and rename, and at some instants between: the next run ends in the same deliveries."""
    root, expected = undisturbed
    shutil.copytree(root / "start", tmp_path / "w")
    opened = workspace(tmp_path / "w", main=root / "two")
    at_call = moment.removeprefix("call ") if moment.startswith("call") else "0"
    process = subprocess.Popen(
        [sys.executable, "-c", _LAND, str(opened.root), at_call], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with process:
        assert process.stdout.readline() == b"ready\n"
        if at_call == "0":
            time.sleep(float(moment))
            os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL

    assert not land(opened).failed

    assert contents(opened) == expected
    assert {r.outcome for r in land(opened).results} == {"unchanged"}


def test_months_read_by_an_older_way_of_reading_are_read_again(tmp_path, monkeypatch):
    """A mended reader must not leave months that the broken one landed; unchanged files alone do not prove them."""
    report(tmp_path / "in", [line("5")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    with monkeypatch.context() as older:
        older.setattr(importlib.import_module("pipelines.landing.land"), "_READING_VERSION", "1")
        land(opened)

    assert outcomes(land(opened)) == {SEPTEMBER: "restated"}
    assert outcomes(land(opened)) == {SEPTEMBER: "unchanged"}


def test_a_folder_that_cannot_be_listed_stops_its_source_and_no_other(tmp_path, monkeypatch):
    """What lies in it may be half of a month: the rest is not landed as if it were all."""
    report(tmp_path / "in", [line("5")])
    report(tmp_path / "other", [line("7")])
    closed = tmp_path / "in" / "cur" / "mycur" / "20261001-20261101"
    closed.mkdir()
    scandir = os.scandir

    def refuse(path="."):
        # As root, which CI may run as, every folder can be read.
        if path == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = land(workspace(tmp_path / "w", main=tmp_path / "in", other=tmp_path / "other"))

    assert {r.source: r.outcome for r in result.results} == {"main": "failed", "other": "landed"}
    assert f"{closed}: cannot be listed (Permission denied)" in str(result.failed[0].error)
