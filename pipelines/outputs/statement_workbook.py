"""One cost centre's statement as an Excel workbook: the statement, one sheet of lines per currency, notes."""

from pathlib import Path
from typing import Any

from pipelines.outputs.statement_model import Section, Showback, Statement, month_name, sum_of
from pipelines.outputs.statement_text import plain_decimal, shown
from pipelines.outputs.workbook import (
    GREY,
    LINE,
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

LINES_FIRST_ROW = 5
_LINE_COLUMNS = (
    ("Kind of cost", 26),
    ("Service", 40),
    ("Provider", 11),
    ("Source", 20),
    ("Shared", 9),
    ("Billed in", 10),
    ("This period", 17),
    ("Previous period", 17),
    ("Change", 17),
    ("Invoice basis", 17),
    ("Line ID", 36),
)


def write_statement_workbook(path: Path, statement: Statement, showback: Showback) -> None:
    with Book(path, f"Cloud cost showback {showback.period}", showback) as book:
        front = book.add("Statement")
        lines = [book.add(f"Lines {_tag(section, statement)}") for section in statement.sections]
        _write_front(book, front, statement, showback, [sheet.get_name() for sheet in lines])
        for position, (section, sheet) in enumerate(zip(statement.sections, lines, strict=True), start=1):
            _write_lines(book, sheet, statement, section, showback, f"tbl_lines_{position}")
        write_notes(book, book.add("Notes"), _exact_totals(statement), showback)


def _tag(section: Section, statement: Statement) -> str:
    """A sheet name for the section: currency codes are text from a bill, sheet names are not."""
    if section.currency.isascii() and section.currency.isalnum() and len(section.currency) <= 8:
        return section.currency
    return f"currency {statement.sections.index(section) + 1}"


def _write_front(book: Book, sheet: Any, statement: Statement, showback: Showback, lines_sheets: list[str]) -> None:
    center = statement.cost_center
    sheet.set_column("A:A", 36)
    sheet.set_column("B:D", 19)
    sheet.set_column("E:E", 12)
    sheet.set_column("F:F", 19)
    write_title(
        book, sheet, "Cloud cost showback", f"{shown(center.name)} · {month_name(showback.period)}", showback, 5
    )
    sheet.freeze_panes(3, 0)
    row = 4
    facts = [
        ("Cost centre", f"{center.name} ({center.cost_center_id})"),
        ("Department", center.department or "—"),
        ("Business unit", center.business_unit or "—"),
        ("Owner", center.owner or "—"),
        ("GL account", center.gl_account or "—"),
        ("Period", f"{month_name(showback.period)} ({showback.period})"),
        ("Status", showback.status_label),
        ("Cost basis", "Effective cost: commitments spread over the usage they cover"),
    ]
    for label, value in facts:
        sheet.write_string(row, 0, label, book.style(font_color=GREY))
        sheet.write_string(row, 1, shown(value), book.style())
        row += 1
    breaks: list[int] = []
    for index, section in enumerate(statement.sections):
        if index:
            breaks.append(row + 1)
        row = _write_section(book, sheet, row + 1, section, showback, lines_sheets[index])
    sheet.set_h_pagebreaks(breaks)
    sheet.print_area(0, 0, row, 5)


def _write_section(book: Book, sheet: Any, row: int, section: Section, showback: Showback, lines_sheet: str) -> int:
    digits = section.digits
    groups = section.by_kind()
    first = row + 6  # of the kinds, zero based
    total_row = first + len(groups)
    amounts = (section.total, section.previous)

    write_band(book, sheet, row, f"Amounts in {shown(section.currency)}", 5)
    heads = ("This period", "Previous period", "Change", "Change %", "Year to date")
    for column, head in enumerate(heads, start=1):
        sheet.write_string(row + 1, column, head, book.style(font_color=GREY, align="right", font_size=9))
    big: dict[str, Any] = {"bold": True, "font_size": 12, "bottom": 1, "bottom_color": LINE}
    sheet.set_row(row + 2, 20)
    sheet.write_string(row + 2, 0, "Total", book.style(**big))
    for column, amount in enumerate(amounts, start=1):
        cell = f"={'ABC'[column]}{total_row + 1}"
        sheet.write_formula(row + 2, column, cell, book.money(digits, **big), number(amount, digits))
    write_change(book, sheet, row + 2, *amounts, digits, first_column=1, **big)
    sheet.write_number(row + 2, 5, number(section.year_to_date, digits), book.money(digits, **big))
    year = (
        f"Year to date from {month_name(showback.year_starts)}, previous period {month_name(showback.previous_period)}"
    )
    sheet.write_string(row + 3, 0, year, book.style(font_color=GREY, font_size=9, italic=True))

    write_header(
        book, sheet, first - 1, ("Kind of cost", "This period", "Previous period", "Change", "Change %", "Lines")
    )
    for offset, (_, members) in enumerate(groups):
        at = first + offset
        amount, previous = sum_of(m.amount for m in members), sum_of(m.previous for m in members)
        label = members[0].kind_label + (" (allocated by rule)" if members[0].is_shared else "")
        sheet.write_string(at, 0, shown(label), book.style())
        sheet.write_number(at, 1, number(amount, digits), book.money(digits))
        sheet.write_number(at, 2, number(previous, digits), book.money(digits))
        write_change(book, sheet, at, amount, previous, digits, first_column=1)
        sheet.write_number(at, 5, sum(1 for m in members if m.line_id), book.style(num_format="#,##0"))
    sum_style: dict[str, Any] = {"bold": True, "top": 1, "bottom": 6}
    sheet.write_string(total_row, 0, "Total", book.style(**sum_style))
    for column, amount in enumerate(amounts, start=1):
        letter = "ABC"[column]
        formula = f"=SUM({letter}{first + 1}:{letter}{total_row})" if groups else "=0"
        sheet.write_formula(total_row, column, formula, book.money(digits, **sum_style), number(amount, digits))
    write_change(book, sheet, total_row, *amounts, digits, first_column=1, **sum_style)
    issued = sum(1 for line in section.lines if line.line_id)
    sheet.write_number(total_row, 5, issued, book.style(num_format="#,##0", **sum_style))

    row = write_trend(book, sheet, total_row + 2, section.trend, section.currency, digits, table_columns=2)
    return _write_tie_out(book, sheet, row + 1, section, total_row, lines_sheet)


def _write_tie_out(book: Book, sheet: Any, row: int, section: Section, total_row: int, lines_sheet: str) -> int:
    digits = section.digits
    write_header(book, sheet, row, ("Tie-out", "Amount"))
    last_line = LINES_FIRST_ROW + max(len(section.lines), 1)
    total, chargeback = number(section.total, digits), number(section.chargeback_total, digits)
    rows: list[tuple[str, str | None, float]] = [
        ("Statement total", f"=B{total_row + 1}", total),
        ("Sum of the lines", f"=SUM('{lines_sheet}'!G{LINES_FIRST_ROW + 1}:G{last_line})", total),
        ("Chargeback total", None, chargeback),
        ("Difference", f"=B{row + 2}-B{row + 4}", number(section.total - section.chargeback_total, digits)),
        ("For information: on invoice basis (billed cost)", None, number(section.billed, digits)),
    ]
    for offset, (label, formula, value) in enumerate(rows, start=1):
        emphasis = {"bold": True, "bottom": 1, "bottom_color": LINE} if label == "Difference" else {}
        sheet.write_string(row + offset, 0, label, book.style(**emphasis))
        if formula:
            sheet.write_formula(row + offset, 1, formula, book.money(digits, **emphasis), value)
        else:
            sheet.write_number(row + offset, 1, value, book.money(digits, **emphasis))
    note = (
        "To trace a line to its source rows, rule and rule version: finops explain LINE_ID (ids are on the lines sheet)"
    )
    sheet.write_string(row + len(rows) + 1, 0, note, book.style(font_color=GREY, font_size=9, italic=True))
    return row + len(rows) + 2


def _write_lines(
    book: Book, sheet: Any, statement: Statement, section: Section, showback: Showback, table_name: str
) -> None:
    digits = section.digits
    sheet.set_landscape()
    for column, (_, width) in enumerate(_LINE_COLUMNS):
        sheet.set_column(column, column, width)
    subtitle = f"{shown(statement.cost_center.name)} · {month_name(showback.period)} · {shown(section.currency)}"
    write_title(book, sheet, "Lines by kind and service", subtitle, showback, len(_LINE_COLUMNS) - 1)
    last = LINES_FIRST_ROW + max(len(section.lines), 1)
    totals = (section.total, section.previous, section.total - section.previous, section.billed)
    sheet.write_string(3, 0, "Total of the rows shown", book.style(bold=True))
    for letter, total in zip("GHIJ", totals, strict=True):
        formula = f"=SUBTOTAL(109,{letter}{LINES_FIRST_ROW + 1}:{letter}{last})"
        sheet.write_formula(f"{letter}4", formula, book.money(digits, bold=True), number(total, digits))
    for offset, line in enumerate(section.lines):
        row = LINES_FIRST_ROW + offset
        marks = ("shared" if line.is_shared else "", line.billing_period if line.line_id else "no charge")
        texts = (line.kind_label, line.service, line.provider, line.source, *marks)
        for column, text in enumerate(texts):
            sheet.write_string(row, column, shown(text), book.style())
        amounts = (line.amount, line.previous, line.amount - line.previous, line.billed)
        for column, amount in enumerate(amounts, start=len(texts)):
            sheet.write_number(row, column, number(amount, digits), book.money(digits))
        sheet.write_string(row, 10, shown(line.line_id), book.style(font_name="Consolas", font_size=9, indent=1))
    write_table(
        book, sheet, LINES_FIRST_ROW - 1, last - 1, [head for head, _ in _LINE_COLUMNS], table_name, range(6, 10)
    )
    sheet.freeze_panes(LINES_FIRST_ROW, 2)
    sheet.repeat_rows(LINES_FIRST_ROW - 1)


def _exact_totals(statement: Statement) -> list[tuple[str, str]]:
    return [
        (f"{label}, {section.currency}", plain_decimal(amount, section.digits))
        for section in statement.sections
        for label, amount in (
            ("Total", section.total),
            ("Previous period", section.previous),
            ("Year to date", section.year_to_date),
            ("Invoice basis", section.billed),
        )
    ]
