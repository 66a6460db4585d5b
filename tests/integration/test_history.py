"""Previous deliveries: compared to the cent, also when no build saw them, after pruning, and without a warehouse."""

import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.build import build
from pipelines.landing import land
from pipelines.landing.deliveries import described, landed_deliveries
from pipelines.settings import Workspace
from tests.integration.bills import report, workspace

A, B = "001234567890", "002222222222"


def charge(cost: str, day: str, account: str = A, currency: str = "USD") -> str:
    first, end = "2026-09-01T00:00:00.000Z", "2026-09-30T00:00:00.000Z"
    start = f"2026-09-{day}T00:00:00.000Z"
    return f"id,{A},{first},{end},{account},Usage,{start},{end},AmazonS3,{currency},{cost},"


FIRST = [charge("1.10", "01"), charge("2", "02"), charge("5", "02", currency="EUR")]
MOVED = [charge("1.10", "01", account=B), charge("2", "02"), charge("5", "02", currency="EUR"), charge("0.3", "03")]
SHRUNK = [charge("1.10", "01", account=B)]

# Day 1 moved from account A to B, day 3 came late.
FIRST_TO_MOVED = [
    (1, 2, 1, A, "USD", "vanished", Decimal("1.10"), Decimal(0), Decimal("-1.10")),
    (1, 2, 1, B, "USD", "appeared", Decimal(0), Decimal("1.10"), Decimal("1.10")),
    (1, 2, 3, A, "USD", "appeared", Decimal(0), Decimal("0.3"), Decimal("0.3")),
]
# The month shrank to its first day; euros and dollars are never added.
MOVED_TO_SHRUNK = [
    (2, 3, 2, A, "EUR", "vanished", Decimal(5), Decimal(0), Decimal(-5)),
    (2, 3, 2, A, "USD", "vanished", Decimal(2), Decimal(0), Decimal(-2)),
    (2, 3, 3, A, "USD", "vanished", Decimal("0.3"), Decimal(0), Decimal("-0.3")),
]
HEADER = (
    "identity/LineItemId,bill/PayerAccountId,bill/BillingPeriodStartDate,bill/BillingPeriodEndDate,"
    "lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,"
    "lineItem/ProductCode,lineItem/CurrencyCode,lineItem/UnblendedCost,resourceTags/user:"
)


def read(opened: Workspace, sql: str) -> list[tuple]:
    with duckdb.connect(str(opened.warehouse), read_only=True) as con:
        return con.execute(sql).fetchall()


def restatements(opened: Workspace, source: str) -> list[tuple]:
    return read(
        opened,
        "select from_sequence, to_sequence, day(charge_date), sub_account_id, billing_currency, change, "
        "billed_before, billed_after, billed_difference from fct_restatements "
        f"where x_source = '{source}' order by all",
    )


def kept(opened: Workspace, source: str, name: str) -> list[int]:
    """Sequences of the previous deliveries that keep such a file."""
    return sorted(int(p.parent.name[:6]) for p in opened.landing_history.glob(f"cur/source={source}/*/*/{name}"))


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Three builds of one workspace that keeps one previous delivery; the last one starts without a warehouse.

    `daily` is built after each of its deliveries, `rare` and `back` landed three times before the first build.
    """
    folder = tmp_path_factory.mktemp("history")
    opened = workspace(folder / "w", **{name: folder / name for name in ("daily", "rare", "back", "tags")})
    toml = opened.root / "finops.toml"
    toml.write_text(toml.read_text() + "\n[landing]\nkeep_deliveries = 1\n")
    opened = Workspace.open(opened.root)
    for tag in ("Owner", "Team"):
        report(folder / "tags", [charge("1", "01")], tag, header=HEADER + tag)
        land(opened, ["tags"])
    for name, rare, back in (("one", FIRST, FIRST), ("two", MOVED, SHRUNK), ("three", SHRUNK, FIRST)):
        report(folder / "rare", rare, name)
        report(folder / "back", back, name)
        land(opened, ["rare", "back"])
    seen = []
    for name, lines in (("one", FIRST), ("two", MOVED), ("three", SHRUNK)):
        report(folder / "daily", lines, name)
        land(opened, ["daily"])
        if name == "three":
            opened.warehouse.unlink()
        build(opened)
        sources = ("daily", "rare", "back")
        seen.append(
            {source: restatements(opened, source) for source in sources}
            | {f"{source} rows": kept(opened, source, "data.parquet") for source in sources}
            | {f"{source} totals": kept(opened, source, "daily_totals.parquet") for source in sources}
        )
    return opened, seen


def test_each_pair_of_deliveries_is_compared_once_by_account_day_and_currency(story):
    """Late rows, costs moved between accounts and a shrunk month; a compared pair stays as it is."""
    _, (first, second, third) = story
    assert first["daily"] == []
    assert second["daily"] == FIRST_TO_MOVED
    assert third["daily"] == FIRST_TO_MOVED + MOVED_TO_SHRUNK


def test_deliveries_that_replaced_each_other_between_two_builds_are_compared_too(story):
    """Three deliveries before the first build: both pairs are there, and the ledger holds the last one alone."""
    opened, seen = story
    assert [step["rare"] for step in seen] == [FIRST_TO_MOVED + MOVED_TO_SHRUNK] * 3
    ledger = read(opened, "select billed_cost from int_focus__charges where x_source = 'rare'")
    assert ledger == [(Decimal("1.10"),)]


def test_a_content_that_returns_is_a_delivery_of_its_own(story):
    """A, B, A again: two pairs whose differences cancel out, per currency."""
    _, seen = story
    for step in seen:
        away = [row[-1] for row in step["back"] if row[:2] == (1, 2) and row[4] == "USD"]
        again = [row[-1] for row in step["back"] if row[:2] == (2, 3) and row[4] == "USD"]
        assert sum(away) == Decimal(-2) and sum(again) == Decimal(2)


def test_pruning_takes_rows_that_are_compared_and_keeps_their_totals(story):
    """One previous delivery stays whole; of the older one the totals stay, and outlive the warehouse."""
    _, (first, second, third) = story
    assert (first["rare rows"], second["daily rows"], third["daily rows"]) == ([2], [1], [2])
    assert 1 in first["rare totals"] and 1 in third["daily totals"]


def test_nothing_of_a_replay_is_left(story):
    """The small warehouse that compares unseen deliveries goes when it is done."""
    opened, _ = story
    assert not (opened.scratch / "replay").exists()


def test_lineage_leads_from_a_delivery_to_its_files_and_their_rows(story):
    """Hash, size and row range of every file, for the current delivery and those it replaced."""
    opened, _ = story
    rows = read(
        opened,
        "select sequence, is_current, source_file, bytes, row_count, first_row, last_row, length(sha256) "
        "from fct_lineage where x_source = 'daily' order by 1",
    )
    sizes = [(opened.root.parent / "daily" / row[2]).stat().st_size for row in rows]
    assert [row[:2] for row in rows] == [(1, False), (2, False), (3, True)]
    assert [row[3:] for row in rows] == [(sizes[0], 3, 1, 3, 64), (sizes[1], 4, 1, 4, 64), (sizes[2], 1, 1, 1, 64)]
    assert read(opened, "select count(*), count(*) filter (is_compared) from dim_deliveries") == [(11, 7)]


def test_columns_that_came_and_went_are_named(story):
    """One tag column came, another went; nothing else is reported, and no column of the contract is missed."""
    opened, _ = story
    rows = read(
        opened,
        "select x_source, sequence, source_name, change, type_before, type_after, severity "
        "from fct_schema_changes order by 4",
    )
    assert rows == [
        ("tags", 2, "resourceTags/user:Team", "came", None, "varchar", "info"),
        ("tags", 2, "resourceTags/user:Owner", "went", "varchar", None, "info"),
    ]


def test_a_landing_killed_between_its_two_renames_is_read_as_done(tmp_path: Path):
    """The new data is in place, the description still waits in next.json: readers see the new delivery, whole."""
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    deliveries = []
    for name, lines in (("one", FIRST), ("two", MOVED)):
        report(tmp_path / "in", lines, name)
        land(opened)
        deliveries += landed_deliveries(opened)
    first, second = deliveries
    killed = tmp_path / "killed"
    shutil.copytree(opened.landing / "cur/source=main/billing_period=2026-09", killed)
    (killed / "delivery.json").write_text(first.to_json())
    waiting = f'{{"inode": {(killed / "data.parquet").stat().st_ino}, "delivery": {second.to_json()}}}'
    (killed / "next.json").write_text(waiting)

    assert described(killed) == second and second.sequence == 2

    (killed / "next.json").write_text(waiting.replace('"inode": ', '"inode": 9'))
    assert described(killed) == first
