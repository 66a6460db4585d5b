"""Statements: they tie to the chargeback mart, say what is provisional, and appear whole or not at all."""

import csv
import hashlib
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl  # type: ignore[import-untyped]
import pypdf
import pytest

from pipelines.errors import FinopsError
from pipelines.outputs.statement_model import (
    change_ratio,
)
from pipelines.outputs.statement_periods import periods_before
from pipelines.outputs.statement_reader import read_showback
from pipelines.outputs.statement_text import csv_text, money_text, plain_decimal, shown
from pipelines.outputs.statements import (
    MissingPeriodError,
    StatementError,
    file_stems,
    write_statements,
)
from pipelines.outputs.workbook import money_format

HOSTILE = "=cmd|' /C calc'!A0"
MARKUP = '#panic("typst") $x$ *bold* \\ "quoted" @ref <label>'
JULY, JUNE, MAY = "2026-07", "2026-06", "2026-05"

CHARGEBACK = [  # billing_period, posting_period, cost centre, line, kind, service, amount, billed, currency
    (MAY, MAY, "search", "s-may", "direct", "Compute", "900.00", "900.00", "USD"),
    (JUNE, JUNE, "search", "s-jun", "direct", "Compute", "1000.00", "1000.00", "USD"),
    (JUNE, JUNE, "search", "s-jun-gone", "direct", "Queues", "12.50", "12.50", "USD"),
    (JULY, JULY, "search", "s-jul", "direct", "Compute", "1234.56", "1500.00", "USD"),
    (JULY, JULY, "search", "s-jul-evil", "direct", HOSTILE, "10.01", "10.01", "USD"),
    (JULY, JULY, "search", "s-jul-typst", "support", MARKUP, "7.03", "7.03", "USD"),
    (JULY, JULY, "search", "s-jul-shared", "shared", "Network", "100.10", "100.10", "USD"),
    (JULY, JULY, "search", "s-jul-credit", "credit", "Compute", "-50.00", "-50.00", "USD"),
    (JULY, JULY, "search", "s-jul-jpy", "direct", "Compute", "98765", "98765", "JPY"),
    (MAY, JULY, "search", "s-adj", "adjustment", "Compute", "-3.20", "-3.20", "USD"),
    (MAY, "2026-08", "search", "s-adj-later", "adjustment", "Compute", "77.77", "77.77", "USD"),
    (JUNE, JUNE, "a/b", "ab-jun", "direct", "Storage", "20.00", "20.00", "USD"),
    (JULY, JULY, "a/b", "ab-jul", "direct", "Storage", "25.25", "25.25", "USD"),
    (JULY, JULY, "研究-é", "u-jul", "direct", "ストレージ", "5000", "5000", "JPY"),
    (JUNE, JUNE, "retired", "r-jun", "direct", "Compute", "44.00", "44.00", "USD"),
    (JULY, JULY, "~unallocated", "un-jul", "direct", "Compute", "8.88", "8.88", "USD"),
    (JULY, JULY, "~rounding", "ro-usd", "rounding", "", "0.003412000001", "0", "USD"),
    (JULY, JULY, "~rounding", "ro-jpy", "rounding", "", "-0.25", "0", "JPY"),
]
CENTERS = [  # id, name, department, business unit, owner
    ("search", "Search & Discovery", "Engineering", "Retail", "Dana Whitfield"),
    ("a/b", "+Slashed", "Finance", "Corporate", "@Marek Novák"),
    ("研究-é", "研究開発", "Research", "", ""),
]
DRIVERS = [  # of search in July: method, rule, driver, own quantity, all, share, rule's cost, part
    ("direct", "by-tag", None, None, None, "1", "1201.60", "1201.60"),
    ("telemetry", "=network", "requests", "30", "90", "0.333333", "300.310236", "100.103412"),
]
DAYS = [("2026-07-01", "1000"), ("2026-07-05", "200"), ("2026-07-06", "101.703412")]  # Wednesday, Sunday, Monday


def build_marts(
    path: Path, status: str = "open", extra: Sequence[tuple[str, ...]] = (), later_closed: Sequence[str] = ()
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("""
            create table fct_chargeback (
                billing_period varchar, posting_period varchar, cost_center_id varchar, line_id varchar, kind varchar,
                x_source varchar, provider varchar, service_name varchar, amount decimal(28, 12),
                billed_amount decimal(28, 12), currency varchar, status varchar, revision integer);
            create table fct_closed_statements (sequence integer, billing_period varchar, event varchar,
                revision integer);
            create table dim_statement_cost_centers (
                billing_period varchar, cost_center_id varchar, name varchar, team varchar, department varchar,
                business_unit varchar, owner varchar, gl_account varchar, is_posted boolean);
            create table fct_statement_drivers (
                billing_period varchar, cost_center_id varchar, currency varchar, method varchar, rule_id varchar,
                rule_version varchar, unallocated_reason varchar, driver varchar, is_fallback boolean,
                driver_value decimal(38, 4), driver_total decimal(38, 4), share decimal(18, 6),
                rule_cost decimal(28, 12), allocated_cost decimal(28, 12), is_posted boolean);
            create table fct_allocated_costs (
                billing_period varchar, charge_date date, cost_center_id varchar, currency varchar,
                allocated_cost decimal(28, 12));
            create table fct_reconciliation (
                stage varchar, x_source varchar, billing_period varchar, currency varchar, metric varchar,
                source_total decimal(38, 12), landed_total decimal(38, 12), ledger_total decimal(38, 12),
                allocated_total decimal(38, 12), statement_total decimal(38, 12), difference decimal(38, 12),
                status varchar);
            create table publish_info (run_id varchar, published_at timestamp, reporting_currency varchar);
            insert into publish_info values ('run-1', '2026-08-03 06:15:00', 'USD');
            insert into fct_reconciliation values
                ('ledger', 'payer', '2026-07', 'USD', 'effective_cost', 1.5, 1.5, 1.5, null, null, 0, 'ok'),
                ('statement', 'payer', '2026-07', 'USD', 'effective_cost', 1.5, 1.5, 1.5, 1.5, 1.499999999999,
                    0.000000000001, 'explained'),
                ('landing', 'payer', '2026-07', 'USD', 'billed_cost', 1601.270000000001, 1601.27, 1601.27, null, null,
                    0, 'ok'),
                ('rounding', 'payer', '2026-07', 'USD', 'billed_cost', 1601.270000000001, 1601.27, 1601.27, null,
                    null, 0.000000000001, 'explained');
        """)
        for billing, posting, center, line, kind, service, amount, billed, currency in [*CHARGEBACK, *extra]:
            values = [billing, posting, center, line, kind, "payer", "aws", service, Decimal(amount), Decimal(billed)]
            final = status if billing == JULY else "closed"
            connection.execute(
                f"insert into fct_chargeback values ({', '.join('?' * 12)}, 1)", [*values, currency, final]
            )
        closed = [MAY, JUNE, *([JULY] if status == "closed" else []), *later_closed]
        for sequence, month in enumerate(closed):
            connection.execute("insert into fct_closed_statements values (?, ?, 'close', 1)", [sequence, month])
        for center, name, department, unit, owner in CENTERS:
            values = [JULY, center, name, "team", department, unit, owner, "6100", status == "closed"]
            connection.execute(f"insert into dim_statement_cost_centers values ({', '.join('?' * 9)})", values)
        for method, rule, driver, own, everyone, share, cost, part in DRIVERS:
            values = [JULY, "search", "USD", method, rule, "v1", None, driver, False, own, everyone, share, cost, part]
            connection.execute(f"insert into fct_statement_drivers values ({', '.join('?' * 14)}, true)", values)
        for day, amount in DAYS:
            connection.execute("insert into fct_allocated_costs values (?, ?, 'search', 'USD', ?)", [JULY, day, amount])
    return path


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_marts(tmp_path_factory.mktemp("marts") / "marts.duckdb")


@pytest.fixture(scope="module")
def july(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of July's statements."""
    return write_statements(marts, JULY, tmp_path_factory.mktemp("reports")).folder


def totals_in_marts(marts: Path) -> dict[tuple[str, str], Decimal]:
    with duckdb.connect(str(marts), read_only=True) as connection:
        rows = connection.execute(
            "select cost_center_id, currency, sum(amount) from fct_chargeback where posting_period = ? group by all",
            [JULY],
        ).fetchall()
    return {(center, currency): amount for center, currency, amount in rows}


def totals_in_csv(path: Path) -> dict[tuple[str, str], Decimal]:
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            totals[row["cost_center_id"], row["currency"]] += Decimal(row["amount"])
    return dict(totals)


def cell_beside(sheet: object, label: str, column: int = 2) -> list[object]:
    return [row[column - 1].value for row in sheet.iter_rows() if row[0].value == label]  # type: ignore[attr-defined]


def pdf_text(path: Path) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)


def bytes_of(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_every_cost_centre_with_lines_gets_three_files_and_the_showback_two(july: Path) -> None:
    """A centre without lines this period and the rounding residue appear in the summary only."""
    stems = file_stems(["search", "a/b", "研究-é", "~unallocated", "~rounding", "retired"])
    issued = [stems[center] for center in ("search", "a/b", "研究-é", "~unallocated")]
    expected = {f"{stem}.{kind}" for stem in issued for kind in ("xlsx", "pdf", "csv")}

    assert {path.name for path in july.iterdir()} == expected | {
        "showback-2026-07.xlsx",
        "showback-2026-07.csv",
        "statements.json",
    }


def test_csv_totals_equal_the_chargeback_mart_to_the_last_decimal(july: Path, marts: Path) -> None:
    expected = totals_in_marts(marts)
    assert {k: v for k, v in totals_in_csv(july / "showback-2026-07.csv").items() if v} == expected
    assert totals_in_csv(july / "search.csv") == {k: v for k, v in expected.items() if k[0] == "search"}


def test_statement_workbook_totals_equal_the_chargeback_mart(july: Path, marts: Path) -> None:
    """Read without calculating, as Power Query and previews do: cached values must be there."""
    expected = totals_in_marts(marts)
    sheet = openpyxl.load_workbook(july / "search.xlsx", data_only=True)["Summary"]

    usd, jpy = expected["search", "USD"], expected["search", "JPY"]
    assert [Decimal(str(value)) for value in cell_beside(sheet, "Statement total")] == [usd, jpy]
    assert [Decimal(str(value)) for value in cell_beside(sheet, "Sum of the lines")] == [usd, jpy]
    assert [Decimal(str(value)) for value in cell_beside(sheet, "Chargeback total")] == [usd, jpy]
    assert cell_beside(sheet, "Difference") == [0, 0]


def test_showback_summary_totals_equal_the_chargeback_mart(july: Path, marts: Path) -> None:
    book = openpyxl.load_workbook(july / "showback-2026-07.xlsx", data_only=True)
    assert book.sheetnames == ["Summary", "Tie-out", "Data", "Reconciliation", "Notes"]
    for currency in ("USD", "JPY"):
        exact = sum(amount for (_, c), amount in totals_in_marts(marts).items() if c == currency)
        (shown_total,) = cell_beside(book["Summary"], f"Total {currency}", column=8)
        assert abs(Decimal(str(shown_total)) - exact) < Decimal("0.000000001")
        (exact_text,) = cell_beside(book["Notes"], f"Total, {currency}")
        assert Decimal(str(exact_text)) == exact


def test_summary_shows_the_previous_period_and_centres_that_left(july: Path) -> None:
    """Without them the month-over-month change would not add up."""
    sheet = openpyxl.load_workbook(july / "showback-2026-07.xlsx", data_only=True)["Summary"]
    assert cell_beside(sheet, "retired", column=8) == [0]
    assert cell_beside(sheet, "retired", column=9) == [44]
    assert cell_beside(sheet, "retired", column=13) == ["no charges this period"]
    assert cell_beside(sheet, "Total USD", column=9) == [1076.5]
    assert cell_beside(sheet, "search", column=11)[0] == 0.2825


def test_rounding_is_shown_with_all_its_decimals_in_the_summary(july: Path) -> None:
    sheet = openpyxl.load_workbook(july / "showback-2026-07.xlsx", data_only=True)["Summary"]
    assert cell_beside(sheet, "~rounding", column=8) == [0.003412000001, -0.25]


def test_number_formats_follow_the_minor_unit_of_the_currency(july: Path) -> None:
    sheet = openpyxl.load_workbook(july / "search.xlsx")["Lines"]
    formats = {row[0].value: row[7].number_format for row in sheet.iter_rows(min_row=8)}
    assert formats == {"USD": money_format(2), "JPY": money_format(0)}
    assert money_format(3) == "#,##0.000;-#,##0.000;#,##0.000"


def test_no_text_becomes_a_formula_in_a_workbook(july: Path) -> None:
    formulas = set()
    for path in july.glob("*.xlsx"):
        for sheet in openpyxl.load_workbook(path):
            for row in sheet.iter_rows():
                formulas |= {str(cell.value) for cell in row if cell.data_type == "f"}
    cells = re.compile(r"=(SUM\([A-Z]\d+:[A-Z]\d+\)|SUMIFS\([A-Z0-9$:,]+\)|(Lines!)?[A-Z]\d+([-+/][A-Z]\d+)?)")
    assert [f for f in formulas if not cells.fullmatch(f)] == []
    book = openpyxl.load_workbook(july / "search.xlsx")
    assert HOSTILE in [row[2].value for row in book["Lines"].iter_rows(min_row=7)]
    assert "=network" in [row[2].value for row in book["Drivers"].iter_rows(min_row=6)]


def test_no_text_becomes_a_formula_in_a_csv_and_numbers_stay_numbers(july: Path) -> None:
    with (july / "showback-2026-07.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cells = [(name, value) for row in rows for name, value in row.items()]
    money = {"amount", "previous_amount", "billed_amount"}

    assert not [cell for cell in cells if cell[0] not in money and cell[1].startswith(("=", "+", "-", "@", "\t"))]
    assert {f"'{HOSTILE}", "'+Slashed", "'@Marek Novák"} <= {value for _, value in cells}
    assert "-50.00" in {value for name, value in cells if name == "amount"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "  =1", "＝1"])
def test_csv_text_is_quoted_wherever_a_spreadsheet_could_run_it(text: str) -> None:
    assert csv_text(text) == f"'{text}"


def test_open_period_is_provisional_everywhere(july: Path) -> None:
    sheet = openpyxl.load_workbook(july / "search.xlsx")["Summary"]
    assert sheet["A3"].value == "Provisional — the period is open"
    assert "Provisional — the period is open" in pdf_text(july / "search.pdf")
    assert "run run-1, published 2026-08-03 06:15 UTC" in pdf_text(july / "search.pdf").replace("\n", " ")


def test_pdf_states_total_previous_change_and_how_to_explain_a_line(july: Path) -> None:
    text = pdf_text(july / "search.pdf")
    for expected in ("1,298.50", "1,012.50", "+286.00", "98,765", "Search & Discovery", "Dana Whitfield"):
        assert expected in text
    for expected in ("finops explain s-jul-shared", "Chargeback total", "for May 2026", "Page 1 of"):
        assert expected in text


def test_pdf_prints_hostile_text_as_text(july: Path) -> None:
    text = pdf_text(july / "search.pdf")
    assert HOSTILE in text
    assert '#panic("typst") $x$ *bold*' in text


def test_adjustment_is_charged_in_the_period_that_posts_it(marts: Path) -> None:
    """May is closed: what was posted later never shows on May's statement."""
    assert read_showback(marts, MAY).total("USD") == Decimal(900)
    july = read_showback(marts, JULY)
    assert [
        line.line_id for s in july.statements for x in s.sections for line in x.lines if line.kind == "adjustment"
    ] == ["s-adj"]


def test_line_without_charge_this_period_keeps_the_previous_total_whole(marts: Path) -> None:
    (usd, _) = next(
        s for s in read_showback(marts, JULY).statements if s.cost_center.cost_center_id == "search"
    ).sections
    gone = [line for line in usd.lines if not line.line_id]
    assert [(line.service, line.amount, line.previous) for line in gone] == [("Queues", Decimal(0), Decimal("12.5"))]
    assert usd.previous == Decimal("1012.5")
    assert usd.year_to_date == Decimal(900) + Decimal("1012.5") + Decimal("1298.5")
    assert [month for month, _ in usd.trend] == [MAY, JUNE, JULY]


def test_currencies_are_never_added(marts: Path) -> None:
    showback = read_showback(marts, JULY)
    assert showback.currencies == ("USD", "JPY")  # the reporting currency first
    assert showback.total("JPY") == Decimal("103764.75")


def test_currency_used_only_earlier_this_year_still_states_its_year_to_date(tmp_path: Path) -> None:
    extra = [(MAY, MAY, "search", "s-may-eur", "direct", "Compute", "3.50", "3.50", "EUR")]
    folder = write_statements(build_marts(tmp_path / "m.duckdb", extra=extra), JULY, tmp_path / "reports").folder

    book = openpyxl.load_workbook(folder / "search.xlsx", data_only=True)
    assert book.sheetnames == ["Summary", "Lines", "Drivers", "Trend", "Adjustments", "Notes"]
    assert cell_beside(book["Notes"], "Total, EUR") == ["0.00"]
    assert cell_beside(book["Notes"], "Year to date, EUR") == ["3.50"]
    assert "Amounts in EUR" in pdf_text(folder / "search.pdf")


def test_long_table_runs_over_pages_with_its_heading_repeated(tmp_path: Path) -> None:
    extra = [(JULY, JULY, "search", f"n-{n}", "direct", f"Service {n}", "1.00", "1.00", "USD") for n in range(90)]
    folder = write_statements(build_marts(tmp_path / "m.duckdb", extra=extra), JULY, tmp_path / "reports").folder

    pages = [page.extract_text() for page in pypdf.PdfReader(folder / "search.pdf").pages]
    with_lines = [page for page in pages if "Service 1" in page or "Service 8" in page]
    assert len(with_lines) > 1
    assert all("Service, with its provider" in page for page in with_lines)
    assert sum(f"n-{n}" in " ".join(pages) for n in range(90)) == 90
    assert "Controller" in pages[-1]
    assert "Tie-out" in pages[-1] or "TIE-OUT" in pages[-1]


def test_rerun_is_byte_identical(july: Path, marts: Path, tmp_path: Path) -> None:
    first = bytes_of(july)
    assert bytes_of(write_statements(marts, JULY, july.parent).folder) == first
    assert bytes_of(write_statements(marts, JULY, tmp_path).folder) == first


def test_closed_statement_does_not_change_when_later_runs_publish(tmp_path: Path) -> None:
    """The run is not named on a closed statement, and what later months post does not reach it."""
    before = write_statements(build_marts(tmp_path / "1" / "m.duckdb", "closed"), JULY, tmp_path / "r1")
    later = ("2026-08", "2026-08", "search", "s-aug", "direct", "Compute", "5.00", "5.00", "USD")
    # A bill of an older month that arrived, and was closed, only after July.
    older = ("2026-02", "2026-02", "search", "s-feb", "direct", "Compute", "6.00", "6.00", "USD")
    changed = build_marts(tmp_path / "2" / "m.duckdb", "closed", [later, older], ["2026-02"])
    with duckdb.connect(str(changed)) as connection:
        connection.execute("update publish_info set run_id = 'run-2', published_at = '2026-09-01'")
    after = write_statements(changed, JULY, tmp_path / "r2")

    assert before.status == "closed"
    assert "Final — the period is closed" in pdf_text(before.folder / "search.pdf")
    assert bytes_of(before.folder) == bytes_of(after.folder)


def test_killed_run_leaves_nothing_and_keeps_the_previous_statements(marts: Path, tmp_path: Path) -> None:
    def kill(done: int, total: int, what: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_statements(marts, JULY, tmp_path, progress=kill)
    assert list(tmp_path.iterdir()) == []

    written = bytes_of(write_statements(marts, JULY, tmp_path).folder)
    with pytest.raises(KeyboardInterrupt):
        write_statements(marts, JULY, tmp_path, progress=kill)
    assert [path.name for path in tmp_path.iterdir()] == [JULY]
    assert bytes_of(tmp_path / JULY) == written


def test_run_killed_between_the_two_renames_is_repaired_by_the_next(marts: Path, tmp_path: Path) -> None:
    written = bytes_of(write_statements(marts, JULY, tmp_path).folder)
    (tmp_path / JULY / "journal.csv").write_text("kept")
    (tmp_path / JULY).rename(tmp_path / f".{JULY}.old")
    (tmp_path / f".{JULY}.new").mkdir()

    write_statements(marts, JULY, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [JULY]
    assert bytes_of(tmp_path / JULY).keys() == {*written, "journal.csv"}


def test_rerun_removes_stale_statements_but_not_files_of_other_steps(marts: Path, tmp_path: Path) -> None:
    extra = [(JULY, JULY, "short-lived", "x", "direct", "Compute", "1.00", "1.00", "USD")]
    folder = write_statements(build_marts(tmp_path / "m.duckdb", extra=extra), JULY, tmp_path / "reports").folder
    (folder / "journal-2026-07.csv").write_text("debit,credit\n")

    write_statements(marts, JULY, tmp_path / "reports")

    assert not list(folder.glob("short-lived*"))
    assert (folder / "journal-2026-07.csv").read_text() == "debit,credit\n"


def test_second_run_at_the_same_time_is_refused(marts: Path, tmp_path: Path) -> None:
    def start_another(done: int, total: int, what: str) -> None:
        with pytest.raises(StatementError, match="another run is writing"):
            write_statements(marts, JULY, tmp_path)

    assert write_statements(marts, JULY, tmp_path, progress=start_another).statements == 4


def test_missing_period_names_the_period_and_the_command(marts: Path, tmp_path: Path) -> None:
    with pytest.raises(
        MissingPeriodError, match=r"for 2026-01; it holds 2026-05 to 2026-08.*`finops run --period 2026-01`"
    ):
        write_statements(marts, "2026-01", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_failures_are_what_the_command_line_prints_as_one_message() -> None:
    assert issubclass(StatementError, FinopsError)


@pytest.mark.parametrize("period", ["2026-13", "../2026-07", "2026-7", "", "2026-07\n"])
def test_period_that_is_not_a_month_is_refused(marts: Path, tmp_path: Path, period: str) -> None:
    with pytest.raises(StatementError, match="YYYY-MM"):
        write_statements(marts, period, tmp_path)


def test_missing_marts_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(StatementError, match="finops run"):
        write_statements(tmp_path / "marts.duckdb", JULY, tmp_path)


def test_file_names_are_safe_and_distinct_for_any_id() -> None:
    ids = ["cc-1", "CC-1", "a/b", "a\\b", "a b", "../../etc/passwd", "..", ".hidden", "con", "NUL.x", "", "x" * 300]
    ids += [
        "journal-2026-07",
        "é",
        "e\u0301",
        "研究",
        "showback-2026-07",
        "name.",
        "a-b-0123456789",
        "~unallocated",
        "-flag",
        "a\0b",
        "a\nb",
    ]
    stems = file_stems(ids)

    assert stems["~unallocated"] == "~unallocated"
    assert file_stems(["CC-100"]) == {"CC-100": "CC-100"}
    assert len({stem.casefold() for stem in stems.values()}) == len(ids)
    assert stems["journal-2026-07"] != "journal-2026-07"  # the name of another step's file
    for stem in stems.values():
        assert stem.isascii()
        assert stem.isprintable()
        assert not set(stem) & set('/\\:*?"<>| ')
        assert not stem.startswith((".", "-"))
        assert stem != "showback-2026-07"
        assert not stem.endswith(".")
        assert len(stem) <= 110


def test_hashed_name_of_one_id_given_as_another_id_stays_distinct() -> None:
    borrowed = file_stems(["a/b"])["a/b"]
    stems = file_stems(["a/b", borrowed, borrowed.upper()])
    assert len({stem.casefold() for stem in stems.values()}) == 3


def test_files_carry_no_clock(july: Path) -> None:
    with zipfile.ZipFile(july / "search.xlsx") as archive:
        assert b"2026-07-31T00:00:00Z" in archive.read("docProps/core.xml")
    information = pypdf.PdfReader(io.BytesIO((july / "search.pdf").read_bytes())).metadata
    assert information is not None
    assert str(information["/CreationDate"]).startswith("D:20260731")


def test_money_text_and_decimals_are_exact() -> None:
    assert money_text(Decimal("-1234567.5"), 2) == "−1,234,567.50"
    assert money_text(Decimal("-0.001"), 2) == "0.00"
    assert plain_decimal(Decimal("1E+3"), 2) == "1000.00"
    assert plain_decimal(Decimal("0.000000000001"), 2) == "0.000000000001"


def test_text_cannot_hide_or_reorder_what_it_says() -> None:
    assert shown("a\u202eb\x00c\nd") == "ab c d"
    assert len(shown("x" * 40_000)) < 32_767


def test_change_is_undefined_without_a_previous_amount() -> None:
    assert change_ratio(Decimal(5), Decimal(0)) is None
    assert change_ratio(Decimal(-5), Decimal(-10)) == Decimal("0.5")


def test_months_before_crosses_years() -> None:
    assert periods_before("2026-01", 1) == "2025-12"
    assert periods_before("2026-12", -1) == "2027-01"
    assert periods_before("2026-07", 12) == "2025-07"
