"""One cost centre's statement as an Excel workbook: summary, lines, drivers, trend, adjustments, notes.

Lines of all currencies stand in one table, with a total per currency above it; currencies are never added.
"""

from pathlib import Path
from typing import Any

from pipelines.outputs.statement_evidence import write_adjustments, write_days, write_drivers, write_trends
from pipelines.outputs.statement_model import (
    Section,
    Showback,
    Statement,
    sum_of,
)
from pipelines.outputs.statement_periods import period_name
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
)

_FIRST_TOTAL = 3  # row of the first currency's total on the lines sheet
_LINE_COLUMNS = (
    ("Currency", 9),
    ("Kind of cost", 24),
    ("Service", 36),
    ("Provider", 11),
    ("Source", 20),
    ("Shared", 8),
    ("Billed in", 10),
    ("This period", 15),
    ("Previous period", 15),
    ("Change", 15),
    ("Invoice basis", 15),
    ("Line ID", 34),
    ("Explain with", 52),
)


def write_statement_workbook(path: Path, statement: Statement, showback: Showback) -> None:
    with Book(path, f"Cloud cost showback {showback.period}", showback) as book:
        sheets = {name: book.add(name) for name in ("Summary", "Lines", "Drivers", "Trend", "Adjustments")}
        _write_summary(book, sheets["Summary"], statement, showback)
        _write_lines(book, sheets["Lines"], statement, showback)
        write_drivers(book, sheets["Drivers"], statement, showback)
        write_trends(book, sheets["Trend"], statement, showback)
        write_adjustments(book, sheets["Adjustments"], statement, showback)
        if showback.is_estimate:
            write_days(book, book.add("Days"), statement, showback)
        write_notes(book, book.add("Notes"), _exact_totals(statement), showback)


def _write_summary(book: Book, sheet: Any, statement: Statement, showback: Showback) -> None:
    center = statement.cost_center
    sheet.set_column("A:A", 36)
    sheet.set_column("B:D", 19)
    sheet.set_column("E:E", 12)
    sheet.set_column("F:F", 19)
    write_title(
        book, sheet, "Cloud cost showback", f"{shown(center.name)} · {period_name(showback.period)}", showback, 5
    )
    sheet.freeze_panes(3, 0)
    row = 4
    facts = [
        ("Cost centre", f"{center.name} ({center.cost_center_id})"),
        ("Department", center.department or "—"),
        ("Business unit", center.business_unit or "—"),
        ("Owner", center.owner or "—"),
        ("GL account", center.gl_account or "—"),
        ("Period", f"{period_name(showback.period)} ({showback.period})"),
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
        row = _write_section(book, sheet, row + 1, section, showback, f"=Lines!H{_FIRST_TOTAL + index + 1}")
    sheet.set_h_pagebreaks(breaks)
    sheet.print_area(0, 0, row, 5)


def _write_section(book: Book, sheet: Any, row: int, section: Section, showback: Showback, sum_of_lines: str) -> int:
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
    year = f"Year to date from {period_name(showback.year_starts)}, "
    year += f"previous period {period_name(showback.previous_period)}"
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
    return _write_tie_out(book, sheet, total_row + 2, section, total_row, sum_of_lines)


def _write_tie_out(book: Book, sheet: Any, row: int, section: Section, total_row: int, sum_of_lines: str) -> int:
    digits = section.digits
    write_header(book, sheet, row, ("Tie-out", "Amount"))
    total, chargeback = number(section.total, digits), number(section.chargeback_total, digits)
    rows: list[tuple[str, str | None, float]] = [
        ("Statement total", f"=B{total_row + 1}", total),
        ("Sum of the lines", sum_of_lines, total),
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
    note = "Each line of the lines sheet has the command that traces it to its source rows, rule and rule version."
    sheet.write_string(row + len(rows) + 1, 0, note, book.style(font_color=GREY, font_size=9, italic=True))
    return row + len(rows) + 2


def _write_lines(book: Book, sheet: Any, statement: Statement, showback: Showback) -> None:
    sheet.set_landscape()
    for column, (_, width) in enumerate(_LINE_COLUMNS):
        sheet.set_column(column, column, width)
    subtitle = f"{shown(statement.cost_center.name)} · {period_name(showback.period)}"
    write_title(book, sheet, "Lines by kind and service", subtitle, showback, len(_LINE_COLUMNS) - 1)
    heading = _FIRST_TOTAL + len(statement.sections) + 1
    first = heading + 1
    last = first + max(sum(len(section.lines) for section in statement.sections), 1) - 1
    for offset, section in enumerate(statement.sections):
        row, digits = _FIRST_TOTAL + offset, section.digits
        sheet.write_string(row, 0, shown(section.currency), book.style(bold=True))
        sheet.write_string(row, 1, "Total", book.style(bold=True))
        totals = (section.total, section.previous, section.total - section.previous, section.billed)
        for letter, total in zip("HIJK", totals, strict=True):
            formula = f"=SUMIFS({letter}${first + 1}:{letter}${last + 1},$A${first + 1}:$A${last + 1},$A{row + 1})"
            sheet.write_formula(f"{letter}{row + 1}", formula, book.money(digits, bold=True), number(total, digits))
    row = first
    for section in statement.sections:
        for line in section.lines:
            marks = ("shared" if line.is_shared else "", line.billing_period if line.line_id else "no charge")
            texts = (section.currency, line.kind_label, line.service, line.provider, line.source, *marks)
            for column, text in enumerate(texts):
                sheet.write_string(row, column, shown(text), book.style())
            amounts = (line.amount, line.previous, line.amount - line.previous, line.billed)
            for column, amount in enumerate(amounts, start=len(texts)):
                sheet.write_number(row, column, number(amount, section.digits), book.money(section.digits))
            book.write_line_id(sheet, row, len(texts) + len(amounts), line.line_id)
            row += 1
    write_table(book, sheet, heading, last, [head for head, _ in _LINE_COLUMNS], "tbl_lines", range(7, 11))
    sheet.freeze_panes(first, 3)
    sheet.repeat_rows(heading)
    sheet.print_area(0, 0, last, len(_LINE_COLUMNS) - 2)  # the command is for the screen


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
