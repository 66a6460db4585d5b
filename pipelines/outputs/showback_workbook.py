"""The showback of all cost centres as an Excel workbook: summary, tie-out, a table for pivots, reconciliation."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipelines.outputs.statement_model import (
    ROUNDING,
    Check,
    Showback,
    sum_of,
)
from pipelines.outputs.statement_periods import period_name
from pipelines.outputs.statement_rows import DATA_COLUMNS, flat_rows
from pipelines.outputs.statement_text import plain_decimal, shown
from pipelines.outputs.tie_out import write_tie_out
from pipelines.outputs.workbook import (
    AMBER,
    EXACT_DIGITS,
    GREY,
    PALE,
    Book,
    number,
    write_band,
    write_change,
    write_header,
    write_notes,
    write_table,
    write_title,
    write_trend,
)

MAX_TABLE_ROWS = 1_000_000  # Excel has 1,048,576
_STAGES = ("invoice", "landing", "ledger", "rounding", "allocation", "statement")  # the way money takes
_SUMMARY_COLUMNS = (
    ("Cost centre", 15),
    ("Name", 26),
    ("Department", 15),
    ("Business unit", 15),
    ("Direct", 14),
    ("Shared", 14),
    ("Other", 13),
    ("This period", 15),
    ("Previous period", 15),
    ("Change", 14),
    ("Change %", 10),
    ("Year to date", 15),
    ("Statement", 22),
)


def write_showback_workbook(path: Path, showback: Showback, file_names: dict[str, str]) -> None:
    """`file_names` maps a cost centre to the workbook beside this one that holds its statement."""
    with Book(path, f"Cloud cost showback {showback.period}, all cost centres", showback) as book:
        _write_summary(book, book.add("Summary"), showback, file_names)
        write_tie_out(book, book.add("Tie-out"), showback, file_names)
        rows = _data_rows(showback)
        for start in range(0, len(rows), MAX_TABLE_ROWS):
            part = start // MAX_TABLE_ROWS
            name = "Data" if part == 0 else f"Data {part + 1}"
            _write_data(book, book.add(name), rows[start : start + MAX_TABLE_ROWS], part)
        _write_reconciliation(book, book.add("Reconciliation"), showback)
        write_notes(book, book.add("Notes"), _exact_showback_totals(showback), showback)


def _write_summary(book: Book, sheet: Any, showback: Showback, file_names: dict[str, str]) -> None:
    sheet.set_landscape()
    last_column = len(_SUMMARY_COLUMNS) - 1
    for column, (_, width) in enumerate(_SUMMARY_COLUMNS):
        sheet.set_column(column, column, width)
    subtitle = f"All cost centres · {period_name(showback.period)}"
    write_title(book, sheet, "Cloud cost showback", subtitle, showback, last_column)
    write_header(book, sheet, 4, [head for head, _ in _SUMMARY_COLUMNS], figures=range(4, 12))
    sheet.freeze_panes(5, 2)
    sheet.repeat_rows(4)
    row = 5
    for currency in showback.currencies:
        row = _write_summary_section(book, sheet, row, currency, showback, file_names)
    sheet.set_h_pagebreaks([row])  # so that no chart is cut in two
    for currency in showback.currencies:
        sections = [section for _, section in showback.sections(currency)]
        months = [month for month, _ in sections[0].trend]
        trend = [(month, sum_of(section.trend[i][1] for section in sections)) for i, month in enumerate(months)]
        write_band(book, sheet, row, f"Trend in {shown(currency)}", last_column)
        row = write_trend(book, sheet, row + 1, trend, currency, showback.digits[currency], table_columns=2) + 1


def _write_summary_section(
    book: Book, sheet: Any, row: int, currency: str, showback: Showback, file_names: dict[str, str]
) -> int:
    digits = showback.digits[currency]
    members = showback.sections(currency)
    write_band(book, sheet, row, f"Amounts in {shown(currency)}", len(_SUMMARY_COLUMNS) - 1)
    first = row + 1
    columns: list[list[Decimal]] = []
    for at, (statement, section) in enumerate(members, start=first):
        center = statement.cost_center
        texts = (center.cost_center_id, center.name, center.department, center.business_unit)
        for column, text in enumerate(texts):
            sheet.write_string(at, column, shown(text), book.style(italic=text.startswith("~")))
        direct = sum_of(line.amount for line in section.lines if line.kind == "direct")
        shared = sum_of(line.amount for line in section.lines if line.is_shared)
        other = section.total - direct - shared
        amounts = [direct, shared, other, section.total, section.previous, section.year_to_date]
        columns.append(amounts)
        # The residue is smaller than a minor unit, so it shows its own digits; the total below needs it to be exact.
        is_rounding = center.cost_center_id == ROUNDING
        figure = book.residue() if is_rounding else book.money(digits)
        for column, amount in zip((4, 5, 6, 7, 8, 11), amounts, strict=True):
            sheet.write_number(at, column, number(amount, EXACT_DIGITS if is_rounding else digits), figure)
        if is_rounding:
            sheet.write_number(at, 9, number(section.total - section.previous, EXACT_DIGITS), figure)
        else:
            write_change(book, sheet, at, section.total, section.previous, digits, first_column=7)
        file_name = file_names.get(center.cost_center_id) if statement.is_issued else None
        if file_name:
            link = book.style(font_color="#1A5FB4", underline=1, indent=1)
            sheet.write_url(at, 12, f"external:{file_name}", link, string=file_name)
        else:
            why = "in this summary only" if is_rounding else "no charges this period"
            sheet.write_string(at, 12, why, book.style(font_color=GREY, italic=True, indent=1))
    total_row = first + len(members)
    style: dict[str, Any] = {"bold": True, "top": 1, "bottom": 6, "bg_color": PALE}
    sheet.write_string(total_row, 0, f"Total {shown(currency)}", book.style(**style))
    for column in (1, 2, 3, 10, 12):
        sheet.write_blank(total_row, column, None, book.style(**style))
    totals = [sum_of(figures) for figures in zip(*columns, strict=True)]
    for column, total in zip((4, 5, 6, 7, 8, 11), totals, strict=True):
        letter = chr(ord("A") + column)
        formula = f"=SUM({letter}{first + 1}:{letter}{total_row})"
        sheet.write_formula(total_row, column, formula, book.money(digits, **style), number(total, EXACT_DIGITS))
    write_change(book, sheet, total_row, totals[3], totals[4], digits, first_column=7, **style)
    return total_row + 2


def _data_rows(showback: Showback) -> list[tuple[Sequence[str | Decimal], int]]:
    """One row per line in DATA_COLUMNS' order, with the digits of its currency."""
    rows: list[tuple[Sequence[str | Decimal], int]] = []
    for statement in showback.statements:
        for section in statement.sections:
            is_rounding = statement.cost_center.cost_center_id == ROUNDING
            digits = EXACT_DIGITS if is_rounding else section.digits
            rows += [(row, digits) for row in flat_rows(statement, section, showback)]
    return rows


def _write_data(book: Book, sheet: Any, rows: list[tuple[Sequence[str | Decimal], int]], part: int) -> None:
    sheet.set_landscape()
    for column, (_, width) in enumerate(DATA_COLUMNS):
        sheet.set_column(column, column, width)
    text_style = book.style()
    for at, (values, digits) in enumerate(rows, start=1):
        money_style = book.residue() if digits == EXACT_DIGITS else book.money(digits)
        for column, value in enumerate(values):
            if isinstance(value, Decimal):
                sheet.write_number(at, column, number(value, digits), money_style)
            else:
                sheet.write_string(at, column, shown(value), text_style)
    write_table(book, sheet, 0, len(rows), [head for head, _ in DATA_COLUMNS], f"tbl_data{part or ''}", range(13, 16))
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)


def _write_reconciliation(book: Book, sheet: Any, showback: Showback) -> None:
    stages = ("Source file", "Landed", "Ledger", "Allocated", "Statements")
    heads = ("Stage", "Source", "Currency", "Metric", *stages, "Difference", "Status")
    sheet.set_landscape()
    for column, width in enumerate((18, 22, 9, 18, 18, 18, 18, 18, 18, 18, 14)):
        sheet.set_column(column, column, width)
    subtitle = f"Invoice to statement · {period_name(showback.period)}"
    write_title(book, sheet, "Reconciliation", subtitle, showback, len(heads) - 1)
    write_header(book, sheet, 4, heads, figures=range(4, 10))
    sheet.freeze_panes(5, 2)
    sheet.repeat_rows(4)
    row = 5
    for check in sorted(showback.checks, key=_stage_position):
        _write_check(book, sheet, row, check, showback)
        row += 1
    if not showback.checks:
        text = "No reconciliation was published for this period."
        if showback.is_final:
            text = "The period is closed. Its reconciliation of today is in fct_reconciliation."
        sheet.write_string(row, 0, text, book.style(italic=True))


def _stage_position(check: Check) -> int:
    return _STAGES.index(check.stage) if check.stage in _STAGES else len(_STAGES)


def _write_check(book: Book, sheet: Any, row: int, check: Check, showback: Showback) -> None:
    digits = showback.digits.get(check.currency, 2)
    ties = not check.difference
    fill: dict[str, Any] = {} if ties else {"bg_color": AMBER}
    for column, text in enumerate((check.stage, check.source, check.currency, check.metric)):
        sheet.write_string(row, column, shown(text), book.style(**fill))
    for column, total in enumerate(check.totals, start=4):
        if total is None:
            sheet.write_blank(row, column, None, book.style(**fill))
        else:
            sheet.write_number(row, column, number(total, digits), book.money(digits, **fill))
    if check.difference is None:
        sheet.write_blank(row, 9, None, book.style(**fill))
    else:
        # A difference below the minor unit is still a difference: never round it away.
        figure = book.money(digits) if ties else book.residue(**fill)
        sheet.write_number(row, 9, number(check.difference, EXACT_DIGITS), figure)
    sheet.write_string(row, 10, shown(check.status), book.style(indent=1, **fill))


def _exact_showback_totals(showback: Showback) -> list[tuple[str, str]]:
    exact: list[tuple[str, str]] = []
    for currency in showback.currencies:
        members = showback.sections(currency)
        residue = sum_of(s.total for statement, s in members if statement.cost_center.cost_center_id == ROUNDING)
        total = showback.total(currency)
        for label, amount in (
            ("Cost centres", total - residue),
            ("Rounding below the minor unit", residue),
            ("Total", total),
        ):
            exact.append((f"{label}, {currency}", plain_decimal(amount, showback.digits[currency])))
    return exact
