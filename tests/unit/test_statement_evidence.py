"""The sheets behind a statement: their formulas recalculate to the mart, and each says how it reaches the total."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from pipelines.outputs.statement_reader import read_showback
from pipelines.outputs.statements import StatementError, write_statements
from tests.unit.test_statements import JULY, JUNE, build_marts, pdf_text, totals_in_marts

CELL = re.compile(r"(?:(\w+)!)?\$?([A-Z]+)\$?(\d+)")


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_marts(tmp_path_factory.mktemp("marts") / "marts.duckdb")


@pytest.fixture(scope="module")
def july(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_statements(marts, JULY, tmp_path_factory.mktemp("reports")).folder


@pytest.fixture(scope="module")
def estimate(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_statements(marts, JULY, tmp_path_factory.mktemp("estimates"), is_estimate=True).folder


def rows_of(path: Path, sheet: str) -> list[tuple[object, ...]]:
    return [row for row in openpyxl.load_workbook(path, data_only=True)[sheet].iter_rows(values_only=True) if any(row)]


def formulas_of(path: Path) -> Iterator[tuple[str, str, str, object]]:
    """Sheet, cell, formula and cached value."""
    cached = openpyxl.load_workbook(path, data_only=True)
    for sheet in openpyxl.load_workbook(path):
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    yield sheet.title, cell.coordinate, str(cell.value), cached[sheet.title][cell.coordinate].value


def recalculated(path: Path, sheet: str, formula: str) -> Decimal:
    """What the formula comes to, computed anew from the cells it names; formulas of formulas are followed."""
    book = openpyxl.load_workbook(path)

    def value(sheet: str, cell: str) -> Decimal:
        found = book[sheet][cell].value
        return evaluate(sheet, found) if str(found).startswith("=") else Decimal(str(found or 0))

    def between(sheet: str, first: str, last: str) -> list[str]:
        return [cell.coordinate for row in book[sheet][f"{first}:{last}"] for cell in row]

    def evaluate(sheet: str, text: str) -> Decimal:
        text = text.removeprefix("=").replace("$", "")
        if text.startswith("SUM("):
            first, last = text[4:-1].split(":")
            return sum((value(sheet, cell) for cell in between(sheet, first, last)), Decimal(0))
        if text.startswith("SUMIFS("):
            amounts, keys, wanted = text[7:-1].split(",")
            pairs = zip(between(sheet, *amounts.split(":")), between(sheet, *keys.split(":")), strict=True)
            key = book[sheet][wanted].value
            return sum((value(sheet, cell) for cell, at in pairs if book[sheet][at].value == key), Decimal(0))
        operands = [value(other or sheet, column + row) for other, column, row in CELL.findall(text)]
        if len(operands) == 1:
            return operands[0]
        left, right = operands
        operator = re.sub(r"[A-Za-z0-9!]", "", text)
        return {"+": left + right, "-": left - right, "/": left / right if right else Decimal(0)}[operator]

    return evaluate(sheet, formula)


def test_every_formula_recalculates_to_the_value_that_readers_without_a_calculator_see(july: Path) -> None:
    """Power Query and previews read cached values; Excel computes them anew. Both have to say the same."""
    checked = 0
    for path in (july / "search.xlsx", july / "showback-2026-07.xlsx"):
        for sheet, cell, formula, cached in formulas_of(path):
            difference = abs(recalculated(path, sheet, formula) - Decimal(str(cached)))
            assert difference < Decimal("0.00001"), f"{path.name} {sheet}!{cell} {formula}"
            checked += 1
    assert checked > 60


def test_a_spreadsheet_program_opens_the_workbook_and_computes_the_same(july: Path, tmp_path: Path) -> None:
    """By LibreOffice where this machine has it; elsewhere the file's own formulas are computed by this test."""
    search = july / "search.xlsx"
    if shutil.which("soffice"):
        home = f"-env:UserInstallation=file://{tmp_path}/home"
        command = ["soffice", home, "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir"]
        subprocess.run([*command, str(tmp_path), str(search)], check=True, capture_output=True, timeout=120)
        computed = {row[0]: row[1] for row in rows_of(tmp_path / "search.xlsx", "Summary")[9:]}
    else:
        computed = {
            openpyxl.load_workbook(search)[sheet][f"A{cell[1:]}"].value: recalculated(search, sheet, formula)
            for sheet, cell, formula, _ in formulas_of(search)
            if sheet == "Summary" and cell.startswith("B")
        }
    # Labels repeat per currency, so what is kept is the last currency's: JPY.
    assert Decimal(str(computed["Sum of the lines"])) == 98765
    assert Decimal(str(computed["Statement total"])) == 98765


def test_lines_stand_in_one_table_with_a_total_per_currency(july: Path, marts: Path) -> None:
    expected = totals_in_marts(marts)
    rows = rows_of(july / "search.xlsx", "Lines")
    totals = {row[0]: Decimal(str(row[7])) for row in rows if row[1] == "Total"}
    assert totals == {currency: expected["search", currency] for currency in ("USD", "JPY")}
    assert ("s-jul-shared", "finops explain s-jul-shared") in [row[11:13] for row in rows]


def test_drivers_reach_the_statement_total_in_named_steps(july: Path) -> None:
    """1201.60 by a tag and a third of 300.310236 by requests, less 0.003412 of rounding, less 3.20 for May."""
    rows = rows_of(july / "search.xlsx", "Drivers")
    network = next(row for row in rows if row[2] == "=network")
    assert network[1] == "By telemetry" and network[4:8] == ("requests", 30, 90, 300.31)
    assert network[8:11] == (3.33678, 0.333333, 100.1)
    steps = [(row[7], row[10]) for row in rows[-8:-4]]
    assert steps == [
        ("Your parts, by the rules above", 1301.703412),
        ("Rounding of the lines to whole minor units", -0.003412),
        ("Adjustments to earlier periods", -3.2),
        ("Statement total USD", 1298.5),
    ]


def test_trend_has_each_kind_and_the_running_year(july: Path) -> None:
    rows = rows_of(july / "search.xlsx", "Trend")
    head = next(row for row in rows if row[0] == "Month")
    usd = {row[0]: dict(zip(head, row, strict=True)) for row in rows if row[0] in ("2026-05", "2026-06", "2026-07")}
    # JPY follows below USD under the same month names, so USD is looked up by the first of each.
    first = next(row for row in rows if row[0] == "2026-07")
    july_usd = dict(zip(head, first, strict=True))
    assert len(usd) == 3
    assert (july_usd["Direct usage"], july_usd["Credits"], july_usd["Adjustments"]) == (
        1244.57,
        -50,
        -3.2,
    )
    assert (july_usd["Total"], july_usd["Change"], july_usd["Running year"]) == (1298.5, 286, 3211)


def test_adjustments_name_their_month_and_what_was_charged_before(july: Path) -> None:
    rows = rows_of(july / "search.xlsx", "Adjustments")
    [adjustment] = [row for row in rows if row[1] == "2026-05"]
    assert adjustment[5:9] == (900, -3.2, 896.8, "s-adj")
    assert "Nothing of an earlier month" in str(rows_of(july / "a-b-c14cddc033.xlsx", "Adjustments")[-1][0])


def test_all_statements_tie_to_the_invoice_by_named_differences(july: Path) -> None:
    """1601.27 billed, 265.44 less as effective cost, 3.20 back for May: three statements and a residue."""
    rows = rows_of(july / "showback-2026-07.xlsx", "Tie-out")
    usd = {row[0]: row[1] for row in rows[: next(n for n, row in enumerate(rows) if row[0] == "Amounts in JPY")]}
    assert usd["Invoice: charges in the providers' files"] == 1601.270000000001
    assert usd["Fractions beyond 12 decimals, rounded when landed"] == -0.000000000001
    assert usd["Left over between files and statements"] == 0
    assert usd["Billed cost of the period"] == 1601.27
    assert usd["Prepaid commitments spread over time: effective less billed cost"] == -265.436587999999
    assert usd["Effective cost of the period"] == 1335.833412000001
    assert usd["Adjustments to earlier periods, posted in this one"] == -3.2
    assert usd["Showback"] == 1332.633412000001
    assert usd["Less the statements of cost centres"] == -1323.75
    assert usd["Less the statement of what no rule allocated"] == -8.88
    assert usd["Less rounding below the minor unit, which is in no statement"] == -0.003412000001
    assert usd["Left over"] == 0
    statements = [row for row in rows if row[0] and str(row[0]).startswith(("search", "a/b", "~unallocated"))]
    assert [row[1:4] for row in statements[:3]] == [(1298.5, 1298.5, 0), (25.25, 25.25, 0), (8.88, 8.88, 0)]


def test_an_estimate_is_marked_on_every_page_and_sheet_and_cannot_be_signed(estimate: Path) -> None:
    label = "ESTIMATE — charges up to 6 July 2026, not for booking"
    for sheet in openpyxl.load_workbook(estimate / "search.xlsx"):
        assert sheet["A3"].value == label
        assert "ESTIMATE" in str(sheet.oddHeader.center.text)
    text = pdf_text(estimate / "search.pdf")
    assert label in text and "Controller" not in text and "never booked" in text
    assert ",estimate," in (estimate / "search.csv").read_text("utf-8")


def test_an_estimate_splits_the_month_so_far_by_week_and_day(estimate: Path) -> None:
    """Wednesday the 1st and Sunday the 5th are one week, Monday the 6th begins the next."""
    days = {row[0]: row[1:] for row in rows_of(estimate / "search.xlsx", "Days")}
    assert days["2026-W27, from 1 July 2026"] == (2, 1200, 1200)
    assert days["2026-W28, from 6 July 2026"] == (1, 101.7, 1301.7)
    assert days["2026-07-05, Sunday"] == (1, 200, 1200)
    assert days["Rounding to minor units"][1] == -0.003412
    assert days["Estimated so far, USD"][1] == 1298.5


def test_a_closed_month_is_not_estimated(tmp_path: Path) -> None:
    closed = build_marts(tmp_path / "m.duckdb", "closed")
    with pytest.raises(StatementError, match="2026-07 is closed.*finops showback 2026-07"):
        write_statements(closed, JULY, tmp_path / "r", is_estimate=True)


def test_what_is_open_before_a_closed_month_does_not_reach_its_statement(tmp_path: Path) -> None:
    """A month that lands late, after the next was closed, would else change the closed trend."""
    late = [("2026-04", "2026-04", "search", "s-apr", "direct", "Compute", "5.00", "5.00", "USD")]
    marts = build_marts(tmp_path / "m.duckdb", "closed", late)
    import duckdb

    with duckdb.connect(str(marts)) as connection:
        connection.execute("update fct_chargeback set status = 'open' where posting_period = '2026-04'")
    showback = read_showback(marts, JULY)
    [usd] = [s for s in next(s for s in showback.issued if s.cost_center.cost_center_id == "search").sections
             if s.currency == "USD"]  # fmt: skip
    assert dict(usd.trend).get(JUNE) == Decimal("1012.5")
    assert sum(dict(usd.trend).values()) == Decimal(3211)
