"""Completeness: skipped days and months are visible, maturity comes from the source's own late rows, closing waits."""

import os
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest

from pipelines.build import build
from pipelines.landing import land
from tests.integration.bills import report, workspace


def charge(cost: str, day: str, billed: str = "") -> str:
    month = billed or day[:7]
    first, end = f"{month}-01T00:00:00.000Z", f"{month}-28T00:00:00.000Z"
    return f"id,001,{first},{end},001,Usage,{day}T00:00:00.000Z,{day}T12:00:00.000Z,AmazonS3,USD,{cost},"


def days(month: str, first: int, last: int, cost: str = "1") -> list[str]:
    return [charge(cost, f"{month}-{day:02d}") for day in range(first, last + 1)]


def deliver(folder, month: str, lines: list[str], when: str) -> None:
    """A delivery of a month whose files were written at noon of a day."""
    part = report(folder, lines, f"a{when}", month=month)
    seconds = datetime.fromisoformat(f"{when}T12:00:00").replace(tzinfo=UTC).timestamp()
    for path in (part, part.parent / "mycur-Manifest.json", part.parent.parent / "mycur-Manifest.json"):
        os.utime(path, (seconds, seconds))


@pytest.fixture(scope="module")
def marts(tmp_path_factory):
    """`late` delivers May twice and June three times, `holes` lacks a day and a month, `odd` has rows on few days."""
    folder = tmp_path_factory.mktemp("completeness")
    late, holes, odd = folder / "late", folder / "holes", folder / "odd"
    opened = workspace(folder / "w", late=late, holes=holes, odd=odd)

    # On 1 June all of May is there, but each day 10 % short; the missing tenth is in the delivery of 4 June.
    deliver(late, "2026-05", days("2026-05", 1, 31, "0.9"), "2026-06-01")
    land(opened, ["late"])
    deliver(late, "2026-05", days("2026-05", 1, 31), "2026-06-04")
    deliver(late, "2026-06", days("2026-06", 1, 30), "2026-07-02")
    land(opened, ["late"])

    deliver(holes, "2026-05", days("2026-05", 1, 31), "2026-06-20")
    deliver(holes, "2026-07", days("2026-07", 1, 11) + days("2026-07", 13, 31), "2026-08-25")
    deliver(odd, "2026-05", [charge("7", "2026-05-03"), charge("-1", "2025-02-03", billed="2026-05")], "2026-05-20")
    land(opened, ["holes", "odd"])
    build(opened)
    with duckdb.connect(str(opened.warehouse), read_only=True) as con:
        yield con


def test_a_day_and_a_month_without_rows_are_visible_and_keep_the_month_open(marts):
    """July 12 is missing, June was never delivered; both say so, and May before them may be closed."""
    gaps = marts.execute(
        "select status, count(*), min(charge_date), max(charge_date) from fct_completeness "
        "where x_source = 'holes' and status <> 'complete' group by 1 order by 1"
    ).fetchall()
    assert gaps == [
        ("missing", 1, date(2026, 7, 12), date(2026, 7, 12)),
        ("missing_month", 30, date(2026, 6, 1), date(2026, 6, 30)),
    ]
    months = marts.execute(
        "select billing_period, is_safe_to_close, why_not from rpt_close_readiness where x_source = 'holes' order by 1"
    ).fetchall()
    assert months == [
        ("2026-05", True, None),
        ("2026-06", False, "no delivery of this month"),
        ("2026-07", False, "1 day(s) without rows from 2026-07-12"),
    ]


def test_a_source_with_rows_on_few_days_misses_nothing_and_an_old_charge_opens_no_gap(marts):
    """One charge in May and a correction of a year ago: two days with rows, no missing ones; the month is not over."""
    rows = marts.execute(
        "select status, count(*) from fct_completeness where x_source = 'odd' and received_lines = 0 group by 1"
    ).fetchall()
    assert rows == [("nothing_expected", 16)]  # 4 to 19 May
    assert marts.execute(
        "select charge_date, received_billed_cost from fct_completeness where x_source = 'odd' and received_lines > 0 "
        "order by 1"
    ).fetchall() == [(date(2025, 2, 3), Decimal(-1)), (date(2026, 5, 3), Decimal(7))]
    assert marts.execute("select why_not from rpt_close_readiness where x_source = 'odd'").fetchone() == (
        "the newest delivery is of 2026-05-20, before the month ended; rows may still change until 2026-06-14",
    )


def test_maturity_is_learned_from_the_source_and_moves_the_day_of_closing(marts):
    """May 31 was 10 % short when it was 1 to 3 days old and whole at 4; May 1 was still short at 33 days."""
    known = dict(
        marts.execute("select age_days, known_share from int_completeness__maturity where x_source = 'late'").fetchall()
    )
    assert known[1] == known[3] == Decimal("0.9")
    # Of 31 days, 28 are known to be short at age 30 (4 to 31 May are whole by then): 1 - 3 * 0.1 / 31.
    assert known[31] == Decimal("0.990322")
    assert known[34] == Decimal(1)
    assert marts.execute(
        "select distinct mature_after_days, mature_basis from fct_completeness where x_source = 'late'"
    ).fetchall() == [(34, "own_history")]
    assert marts.execute(
        "select billing_period, safe_to_close_from, is_safe_to_close, why_not from rpt_close_readiness "
        "where x_source = 'late' order by 1"
    ).fetchall() == [
        ("2026-05", date(2026, 7, 4), False, "rows may still change until 2026-07-04"),
        ("2026-06", date(2026, 8, 3), False, "rows may still change until 2026-08-03"),
    ]


def test_what_is_usual_is_the_median_of_the_days_before(marts):
    """A week of days makes a habit; before that nothing is expected."""
    rows = marts.execute(
        "select day(charge_date), expected_lines, expected_cost from fct_completeness "
        "where x_source = 'late' and billing_period = '2026-05' and day(charge_date) in (7, 8) order by 1"
    ).fetchall()
    assert rows == [(7, None, None), (8, 1, Decimal(1))]
