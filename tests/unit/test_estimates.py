"""A week and a day as statements of their own: estimates that tie to allocated costs and can never be booked."""

import csv
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl  # type: ignore[import-untyped]
import pypdf
import pytest

from pipelines.close import close
from pipelines.errors import FinopsError
from pipelines.outputs.statement_periods import is_week_or_day, last_day, period_of, periods_before
from pipelines.outputs.statements import MissingPeriodError, write_statements
from pipelines.settings import Settings, Workspace

WEEK, DAY = "2026-W40", "2026-10-01"  # Monday 28 September to Sunday 4 October
COSTS = [  # day, month of the bill, cost centre, service, method, cost
    ("2026-09-21", "2026-09", "search", "Compute", "direct", "8"),
    ("2026-09-27", "2026-09", "search", "Compute", "direct", "2.005"),
    ("2026-09-28", "2026-09", "search", "Compute", "direct", "10"),
    ("2026-10-01", "2026-10", "search", "Compute", "direct", "3.333333333334"),
    ("2026-10-01", "2026-10", "search", "Network", "equal_split", "3.333333333333"),
    ("2026-10-01", "2026-10", "ads", "Network", "equal_split", "3.333333333333"),
    ("2026-10-04", "2026-10", "ads", "Storage", "direct", "-1.2517"),
    ("2026-10-05", "2026-10", "ads", "Storage", "direct", "99"),
]


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("marts") / "marts.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("""
            create table fct_allocated_costs (
                charge_date date, billing_period varchar, cost_center_id varchar, service_name varchar, method varchar,
                allocated_cost decimal(28, 12), allocated_billed_cost decimal(28, 12), rule_id varchar,
                rule_version varchar, unallocated_reason varchar, x_source varchar, provider varchar,
                sub_account_id varchar, charge_category varchar, charge_kind varchar, currency varchar);
            create table dim_statement_cost_centers (
                billing_period varchar, cost_center_id varchar, name varchar, department varchar, business_unit varchar,
                owner varchar, gl_account varchar);
            insert into dim_statement_cost_centers values
                ('2026-09', 'search', 'Search, before', null, null, null, null),
                ('2026-10', 'search', 'Search', null, null, 'Dana', '6100');
            create table publish_info (run_id varchar, published_at timestamp, reporting_currency varchar);
            insert into publish_info values ('run-1', '2026-10-05 06:15:00', 'USD');
        """)
        for day, month, center, service, method, cost in COSTS:
            con.execute(
                "insert into fct_allocated_costs values (?, ?, ?, ?, ?, ?, ?, 'r', 'v1', null, 's', 'other', 'a', "
                "'Usage', 'cost', 'USD')",
                [day, month, center, service, method, Decimal(cost), Decimal(cost)],
            )
    return path


@pytest.fixture(scope="module")
def week(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_statements(marts, WEEK, tmp_path_factory.mktemp("reports")).folder


def lines(path: Path) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (row["cost_center_id"], row["service"]): (Decimal(row["amount"]), Decimal(row["previous_amount"]))
            for row in csv.DictReader(file)
        }


def test_a_week_over_the_end_of_a_month_is_stated_in_cents_beside_the_week_before(week: Path) -> None:
    """By hand: Search 13.33 and 3.33 of 16.67; the larger remainder gets the cent. ~rounding has what is smaller."""
    assert lines(week / f"showback-{WEEK}.csv") == {
        ("search", "Compute"): (Decimal("13.34"), Decimal("10.00")),
        ("search", "Network"): (Decimal("3.33"), Decimal(0)),
        ("ads", "Network"): (Decimal("3.33"), Decimal(0)),
        ("ads", "Storage"): (Decimal("-1.25"), Decimal(0)),
        ("~rounding", "Rounding"): (Decimal("-0.0017"), Decimal(0)),
    }


def test_every_sum_of_an_estimates_workbook_is_that_of_the_mart(marts: Path, week: Path) -> None:
    book = openpyxl.load_workbook(week / "search.xlsx", data_only=True)
    days = [row for row in book["Days"].iter_rows(values_only=True) if row[0] and "day" in str(row[0]).lower()]
    assert [row[2] for row in days if str(row[0]).startswith("2026")] == [10.0, 6.67]
    with duckdb.connect(str(marts), read_only=True) as con:
        [(total,)] = con.execute(
            "select round(sum(allocated_cost), 2) from fct_allocated_costs where cost_center_id = 'search' "
            "and charge_date between '2026-09-28' and '2026-10-04'"
        ).fetchall()
    assert float(total) in {cell.value for row in book["Summary"].iter_rows() for cell in row}


def test_an_estimate_says_so_on_every_sheet_and_page_and_is_never_booked(week: Path, tmp_path: Path) -> None:
    for sheet in openpyxl.load_workbook(week / "search.xlsx"):
        assert sheet.oddHeader.center.text == "ESTIMATE", sheet.title
    for page in pypdf.PdfReader(week / "search.pdf").pages:
        assert "ESTIMATE" in page.extract_text()
    assert ",estimate," in (week / "search.csv").read_text("utf-8")
    assert not list(week.glob("journal*"))
    for period in (WEEK, DAY):
        with pytest.raises(FinopsError, match="is not a billing period"):
            close(Workspace(tmp_path, Settings()), period)


def test_a_day_names_the_command_that_explains_it(marts: Path, tmp_path: Path) -> None:
    folder = write_statements(marts, DAY, tmp_path).folder
    assert "ads/2026-10-01" in (folder / "ads.csv").read_text("utf-8")
    assert lines(folder / "ads.csv") == {("ads", "Network"): (Decimal("3.33"), Decimal(0))}


def test_a_week_without_charges_is_refused_with_what_there_is(marts: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingPeriodError, match="2026-09-21 to 2026-10-05"):
        write_statements(marts, "2026-W30", tmp_path)


def test_weeks_and_days_follow_the_calendar() -> None:
    """2026 has 53 weeks; the first of 2027 starts on 4 January."""
    assert periods_before("2027-W01", 1) == "2026-W53"
    assert periods_before("2026-03-01", 1) == "2026-02-28"
    assert [is_week_or_day(text) for text in ("2026-W53", "2025-W53", "2026-02-29", "2026-2-1", "2026-10")] == [
        True, False, False, False, False,
    ]  # fmt: skip
    assert str(last_day("2026-W53")) == "2027-01-03"
    assert period_of(last_day("2026-W53"), "2026-W01") == "2026-W53"
