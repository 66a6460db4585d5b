"""Landing real files: strays ignored, months replaced, what is unchanged left alone, killed runs mended by the next."""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.landing import land
from pipelines.landing.deliveries import landed_deliveries
from pipelines.landing.stores import LocalStore
from tests.integration.bills import (
    HEADER,
    landed,
    line,
    outcomes,
    report,
    workspace,
)

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
