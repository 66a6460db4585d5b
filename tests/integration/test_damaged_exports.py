"""Landing exports that something is wrong with: each is named with its reason, lands nothing, and stops no other."""

import gzip
import json
import zlib
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.landing import land
from pipelines.landing.deliveries import landed_deliveries
from tests.integration.bills import (
    HEADER,
    cur2_rows,
    data_export,
    gz,
    landed,
    line,
    outcomes,
    report,
    workspace,
)

SEPTEMBER = ("main", "2026-09")


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
