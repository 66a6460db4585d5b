"""Statements and the showback of all cost centres as Excel workbooks.

Every text is written as a string, never as a formula: service names and ids come from tags. Figures are numbers rounded
to the currency's minor unit, totals are formulas with their value cached, so that readers that do not calculate see them.
"""

from collections.abc import Sequence
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import xlsxwriter  # type: ignore[import-untyped]

from pipelines.outputs.statement_model import (
    KIND_LABELS,
    ROUNDING,
    Check,
    Section,
    Showback,
    Statement,
    change_ratio,
    last_day,
    month_name,
    rounded,
    sum_of,
)
from pipelines.outputs.statement_text import plain_decimal, shown

NAVY, AMBER, GREEN, PALE, GREY, LINE = "#1F3A5F", "#FFE8B3", "#DDEFE0", "#EEF2F7", "#5B6673", "#C5CEDA"
EXACT_DIGITS = 12  # what the marts carry; shown only where less would hide something
MAX_TABLE_ROWS = 1_000_000  # Excel has 1,048,576
A4 = 9

DATA_COLUMNS = (  # of the showback's flat table: header, width
    ("period", 9),
    ("billing_period", 13),
    ("cost_center_id", 18),
    ("cost_center", 26),
    ("department", 18),
    ("business_unit", 18),
    ("owner", 20),
    ("gl_account", 11),
    ("kind", 18),
    ("service", 34),
    ("provider", 10),
    ("source", 18),
    ("currency", 9),
    ("amount", 16),
    ("previous_amount", 16),
    ("billed_amount", 16),
    ("status", 12),
    ("line_id", 34),
)


def write_statement_workbook(path: Path, statement: Statement, showback: Showback) -> None:
    with _Book(path, f"Cloud cost showback {showback.period}", showback) as book:
        front = book.add("Statement")
        lines = [book.add(f"Lines {_tag(section, statement)}") for section in statement.sections]
        _write_front(book, front, statement, showback, [sheet.get_name() for sheet in lines])
        for number, (section, sheet) in enumerate(zip(statement.sections, lines, strict=True), start=1):
            _write_lines(book, sheet, statement, section, showback, f"tbl_lines_{number}")
        _write_notes(book, book.add("Notes"), _exact_totals(statement), showback)


def write_showback_workbook(path: Path, showback: Showback, file_names: dict[str, str]) -> None:
    """`file_names` maps a cost centre to the workbook beside this one that holds its statement."""
    with _Book(path, f"Cloud cost showback {showback.period}, all cost centres", showback) as book:
        _write_summary(book, book.add("Summary"), showback, file_names)
        rows = _data_rows(showback)
        for start in range(0, len(rows), MAX_TABLE_ROWS):
            part = start // MAX_TABLE_ROWS
            name = "Data" if part == 0 else f"Data {part + 1}"
            _write_data(book, book.add(name), rows[start : start + MAX_TABLE_ROWS], part)
        _write_reconciliation(book, book.add("Reconciliation"), showback)
        _write_notes(book, book.add("Notes"), _exact_showback_totals(showback), showback)


class _Book:
    """A workbook without a clock, plus the formats the sheets share."""

    def __init__(self, path: Path, title: str, showback: Showback) -> None:
        self._workbook = xlsxwriter.Workbook(
            str(path),
            {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True},
        )
        created = datetime.combine(last_day(showback.period), time())
        self._workbook.set_properties({"title": title, "subject": showback.status_label, "created": created})
        self._workbook.set_size(2000, 1400)
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}
        self._footer = f"&L&8Cloud cost showback {showback.period} · {showback.status_label}&R&8Page &P of &N"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        if failure is None:
            self._workbook.close()

    def add(self, name: str) -> Any:
        sheet = self._workbook.add_worksheet(name)
        sheet.set_paper(A4)
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
        sheet.set_footer(self._footer)
        sheet.hide_gridlines(2)
        sheet.set_default_row(16)
        return sheet

    def chart(self) -> Any:
        return self._workbook.add_chart({"type": "column"})

    def style(self, **properties: Any) -> Any:
        merged = {"font_name": "Calibri", "font_size": 10, "valign": "vcenter", **properties}
        key = tuple(sorted(merged.items()))
        if key not in self._formats:
            self._formats[key] = self._workbook.add_format(merged)
        return self._formats[key]

    def money(self, digits: int, **properties: Any) -> Any:
        return self.style(num_format=money_format(digits), align="right", **properties)

    def residue(self, **properties: Any) -> Any:
        return self.style(num_format="0.00##########", align="right", **properties)


def money_format(digits: int) -> str:
    figure = "#,##0" + ("." + "0" * digits if digits else "")
    return f"{figure};-{figure};{figure}"


def _number(amount: Decimal, digits: int) -> float:
    """The only place where money becomes a float: a spreadsheet cell has no other number."""
    return float(rounded(amount, digits))


def _tag(section: Section, statement: Statement) -> str:
    """A sheet name for the section: currency codes are text from a bill, sheet names are not."""
    if section.currency.isascii() and section.currency.isalnum() and len(section.currency) <= 8:
        return section.currency
    return f"currency {statement.sections.index(section) + 1}"


# --- one cost centre ------------------------------------------------------------------------------------------------


def _write_front(book: _Book, sheet: Any, statement: Statement, showback: Showback, lines_sheets: list[str]) -> None:
    center = statement.cost_center
    sheet.set_column("A:A", 36)
    sheet.set_column("B:D", 19)
    sheet.set_column("E:E", 12)
    sheet.set_column("F:F", 19)
    _write_title(
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


def _write_section(book: _Book, sheet: Any, row: int, section: Section, showback: Showback, lines_sheet: str) -> int:
    digits = section.digits
    groups = section.by_kind()
    first = row + 6  # of the kinds, zero based
    total_row = first + len(groups)
    amounts = (section.total, section.previous)

    _band(book, sheet, row, f"Amounts in {shown(section.currency)}", 5)
    heads = ("This period", "Previous period", "Change", "Change %", "Year to date")
    for column, head in enumerate(heads, start=1):
        sheet.write_string(row + 1, column, head, book.style(font_color=GREY, align="right", font_size=9))
    big: dict[str, Any] = {"bold": True, "font_size": 12, "bottom": 1, "bottom_color": LINE}
    sheet.set_row(row + 2, 20)
    sheet.write_string(row + 2, 0, "Total", book.style(**big))
    for column, amount in enumerate(amounts, start=1):
        cell = f"={'ABC'[column]}{total_row + 1}"
        sheet.write_formula(row + 2, column, cell, book.money(digits, **big), _number(amount, digits))
    _write_change(book, sheet, row + 2, *amounts, digits, first_column=1, **big)
    sheet.write_number(row + 2, 5, _number(section.year_to_date, digits), book.money(digits, **big))
    year = (
        f"Year to date from {month_name(showback.year_starts)}, previous period {month_name(showback.previous_period)}"
    )
    sheet.write_string(row + 3, 0, year, book.style(font_color=GREY, font_size=9, italic=True))

    _header(book, sheet, first - 1, ("Kind of cost", "This period", "Previous period", "Change", "Change %", "Lines"))
    for offset, (_, members) in enumerate(groups):
        at = first + offset
        amount, previous = sum_of(m.amount for m in members), sum_of(m.previous for m in members)
        label = members[0].kind_label + (" (allocated by rule)" if members[0].is_shared else "")
        sheet.write_string(at, 0, shown(label), book.style())
        sheet.write_number(at, 1, _number(amount, digits), book.money(digits))
        sheet.write_number(at, 2, _number(previous, digits), book.money(digits))
        _write_change(book, sheet, at, amount, previous, digits, first_column=1)
        sheet.write_number(at, 5, sum(1 for m in members if m.line_id), book.style(num_format="#,##0"))
    sum_style: dict[str, Any] = {"bold": True, "top": 1, "bottom": 6}
    sheet.write_string(total_row, 0, "Total", book.style(**sum_style))
    for column, amount in enumerate(amounts, start=1):
        letter = "ABC"[column]
        formula = f"=SUM({letter}{first + 1}:{letter}{total_row})" if groups else "=0"
        sheet.write_formula(total_row, column, formula, book.money(digits, **sum_style), _number(amount, digits))
    _write_change(book, sheet, total_row, *amounts, digits, first_column=1, **sum_style)
    issued = sum(1 for line in section.lines if line.line_id)
    sheet.write_number(total_row, 5, issued, book.style(num_format="#,##0", **sum_style))

    row = _write_trend(book, sheet, total_row + 2, section.trend, section.currency, digits, table_columns=2)
    return _write_tie_out(book, sheet, row + 1, section, total_row, lines_sheet)


def _write_trend(
    book: _Book,
    sheet: Any,
    row: int,
    trend: Sequence[tuple[str, Decimal]],
    currency: str,
    digits: int,
    table_columns: int,
) -> int:
    """The months as a small table with their chart beside it. Returns the row below both."""
    _header(book, sheet, row, ("Month", "Amount"))
    for offset, (month, amount) in enumerate(trend, start=1):
        sheet.write_string(row + offset, 0, month, book.style())
        sheet.write_number(row + offset, 1, _number(amount, digits), book.money(digits))
    last = row + len(trend)
    name = sheet.get_name()
    chart = book.chart()
    chart.add_series(
        {
            "name": f"Cost in {shown(currency)}",
            "categories": [name, row + 1, 0, last, 0],
            "values": [name, row + 1, 1, last, 1],
            "fill": {"color": "#9DB2CC"},
            "gap": 45,
            "points": [None] * (len(trend) - 1) + [{"fill": {"color": NAVY}}],
        }
    )
    small = {"size": 8, "color": GREY}
    chart.set_title(
        {"name": f"Last {len(trend)} months, {shown(currency)}", "name_font": {"size": 10, "bold": True, "color": NAVY}}
    )
    chart.set_legend({"none": True})
    chart.set_x_axis({"num_font": small, "line": {"color": LINE}, "label_position": "low"})
    chart.set_y_axis(
        {"num_font": small, "num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#E3E8EF"}}}
    )
    chart.set_chartarea({"border": {"none": True}})
    chart.set_size({"width": 500, "height": 280})
    sheet.insert_chart(row, table_columns, chart, {"x_offset": 12, "object_position": 2})
    return max(last, row + 14) + 1


def _write_tie_out(book: _Book, sheet: Any, row: int, section: Section, total_row: int, lines_sheet: str) -> int:
    digits = section.digits
    _header(book, sheet, row, ("Tie-out", "Amount"))
    last_line = LINES_FIRST_ROW + max(len(section.lines), 1)
    total, chargeback = _number(section.total, digits), _number(section.chargeback_total, digits)
    rows: list[tuple[str, str | None, float]] = [
        ("Statement total", f"=B{total_row + 1}", total),
        ("Sum of the lines", f"=SUM('{lines_sheet}'!G{LINES_FIRST_ROW + 1}:G{last_line})", total),
        ("Chargeback total", None, chargeback),
        ("Difference", f"=B{row + 2}-B{row + 4}", _number(section.total - section.chargeback_total, digits)),
        ("For information: on invoice basis (billed cost)", None, _number(section.billed, digits)),
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


def _write_lines(
    book: _Book, sheet: Any, statement: Statement, section: Section, showback: Showback, table_name: str
) -> None:
    digits = section.digits
    sheet.set_landscape()
    for column, (_, width) in enumerate(_LINE_COLUMNS):
        sheet.set_column(column, column, width)
    subtitle = f"{shown(statement.cost_center.name)} · {month_name(showback.period)} · {shown(section.currency)}"
    _write_title(book, sheet, "Lines by kind and service", subtitle, showback, len(_LINE_COLUMNS) - 1)
    last = LINES_FIRST_ROW + max(len(section.lines), 1)
    totals = (section.total, section.previous, section.total - section.previous, section.billed)
    sheet.write_string(3, 0, "Total of the rows shown", book.style(bold=True))
    for letter, total in zip("GHIJ", totals, strict=True):
        formula = f"=SUBTOTAL(109,{letter}{LINES_FIRST_ROW + 1}:{letter}{last})"
        sheet.write_formula(f"{letter}4", formula, book.money(digits, bold=True), _number(total, digits))
    for offset, line in enumerate(section.lines):
        row = LINES_FIRST_ROW + offset
        marks = ("shared" if line.is_shared else "", line.billing_period if line.line_id else "no charge")
        texts = (line.kind_label, line.service, line.provider, line.source, *marks)
        for column, text in enumerate(texts):
            sheet.write_string(row, column, shown(text), book.style())
        amounts = (line.amount, line.previous, line.amount - line.previous, line.billed)
        for column, amount in enumerate(amounts, start=len(texts)):
            sheet.write_number(row, column, _number(amount, digits), book.money(digits))
        sheet.write_string(row, 10, shown(line.line_id), book.style(font_name="Consolas", font_size=9, indent=1))
    _table(book, sheet, LINES_FIRST_ROW - 1, last - 1, [head for head, _ in _LINE_COLUMNS], table_name, range(6, 10))
    sheet.freeze_panes(LINES_FIRST_ROW, 2)
    sheet.repeat_rows(LINES_FIRST_ROW - 1)


# --- all cost centres -----------------------------------------------------------------------------------------------

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


def _write_summary(book: _Book, sheet: Any, showback: Showback, file_names: dict[str, str]) -> None:
    sheet.set_landscape()
    last_column = len(_SUMMARY_COLUMNS) - 1
    for column, (_, width) in enumerate(_SUMMARY_COLUMNS):
        sheet.set_column(column, column, width)
    subtitle = f"All cost centres · {month_name(showback.period)}"
    _write_title(book, sheet, "Cloud cost showback", subtitle, showback, last_column)
    _header(book, sheet, 4, [head for head, _ in _SUMMARY_COLUMNS], figures=range(4, 12))
    sheet.freeze_panes(5, 2)
    sheet.repeat_rows(4)
    row = 5
    for currency in showback.currencies:
        row = _write_summary_section(book, sheet, row, currency, showback, file_names)
    for currency in showback.currencies:
        sections = [section for _, section in showback.sections(currency)]
        months = [month for month, _ in sections[0].trend]
        trend = [(month, sum_of(section.trend[i][1] for section in sections)) for i, month in enumerate(months)]
        _band(book, sheet, row, f"Trend in {shown(currency)}", last_column)
        row = _write_trend(book, sheet, row + 1, trend, currency, showback.digits[currency], table_columns=2) + 1


def _write_summary_section(
    book: _Book, sheet: Any, row: int, currency: str, showback: Showback, file_names: dict[str, str]
) -> int:
    digits = showback.digits[currency]
    members = showback.sections(currency)
    _band(book, sheet, row, f"Amounts in {shown(currency)}", len(_SUMMARY_COLUMNS) - 1)
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
            sheet.write_number(at, column, _number(amount, EXACT_DIGITS if is_rounding else digits), figure)
        if is_rounding:
            sheet.write_number(at, 9, _number(section.total - section.previous, EXACT_DIGITS), figure)
        else:
            _write_change(book, sheet, at, section.total, section.previous, digits, first_column=7)
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
        sheet.write_formula(total_row, column, formula, book.money(digits, **style), _number(total, digits))
    _write_change(book, sheet, total_row, totals[3], totals[4], digits, first_column=7, **style)
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


def flat_rows(statement: Statement, section: Section, showback: Showback) -> list[Sequence[str | Decimal]]:
    center = statement.cost_center
    return [
        (
            showback.period,
            line.billing_period,
            center.cost_center_id,
            center.name,
            center.department,
            center.business_unit,
            center.owner,
            center.gl_account,
            line.kind,
            line.service,
            line.provider,
            line.source,
            section.currency,
            line.amount,
            line.previous,
            line.billed,
            showback.status,
            line.line_id,
        )
        for line in section.lines
    ]


def _write_data(book: _Book, sheet: Any, rows: list[tuple[Sequence[str | Decimal], int]], part: int) -> None:
    sheet.set_landscape()
    for column, (_, width) in enumerate(DATA_COLUMNS):
        sheet.set_column(column, column, width)
    text_style = book.style()
    for at, (values, digits) in enumerate(rows, start=1):
        money_style = book.residue() if digits == EXACT_DIGITS else book.money(digits)
        for column, value in enumerate(values):
            if isinstance(value, Decimal):
                sheet.write_number(at, column, _number(value, digits), money_style)
            else:
                sheet.write_string(at, column, shown(value), text_style)
    _table(book, sheet, 0, len(rows), [head for head, _ in DATA_COLUMNS], f"tbl_data{part or ''}", range(13, 16))
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)


def _write_reconciliation(book: _Book, sheet: Any, showback: Showback) -> None:
    stages = ("Source file", "Landed", "Ledger", "Allocated", "Statements")
    heads = ("Stage", "Source", "Currency", "Metric", *stages, "Difference", "Status")
    sheet.set_landscape()
    for column, width in enumerate((18, 22, 9, 18, 18, 18, 18, 18, 18, 18, 14)):
        sheet.set_column(column, column, width)
    subtitle = f"Invoice to statement · {month_name(showback.period)}"
    _write_title(book, sheet, "Reconciliation", subtitle, showback, len(heads) - 1)
    _header(book, sheet, 4, heads, figures=range(4, 10))
    sheet.freeze_panes(5, 2)
    sheet.repeat_rows(4)
    row = 5
    for check in showback.checks:
        _write_check(book, sheet, row, check, showback)
        row += 1
    if not showback.checks:
        sheet.write_string(row, 0, "No reconciliation was published for this period.", book.style(italic=True))
        row += 1
    _write_bridge(book, sheet, row + 1, showback)


def _write_check(book: _Book, sheet: Any, row: int, check: Check, showback: Showback) -> None:
    digits = showback.digits.get(check.currency, 2)
    ties = not check.difference
    fill: dict[str, Any] = {} if ties else {"bg_color": AMBER}
    for column, text in enumerate((check.stage, check.source, check.currency, check.metric)):
        sheet.write_string(row, column, shown(text), book.style(**fill))
    for column, total in enumerate(check.totals, start=4):
        if total is None:
            sheet.write_blank(row, column, None, book.style(**fill))
        else:
            sheet.write_number(row, column, _number(total, digits), book.money(digits, **fill))
    if check.difference is None:
        sheet.write_blank(row, 9, None, book.style(**fill))
    else:
        # A difference below the minor unit is still a difference: never round it away.
        figure = book.money(digits) if ties else book.residue(**fill)
        sheet.write_number(row, 9, _number(check.difference, EXACT_DIGITS), figure)
    sheet.write_string(row, 10, shown(check.status), book.style(indent=1, **fill))


def _write_bridge(book: _Book, sheet: Any, row: int, showback: Showback) -> None:
    """From what the period's invoices charge to what this showback charges, per currency."""
    for currency in showback.currencies:
        digits = showback.digits[currency]
        lines = [line for _, section in showback.sections(currency) for line in section.lines if line.line_id]
        billed = sum_of(line.billed for line in lines if line.billing_period == showback.period)
        own = sum_of(line.amount for line in lines if line.billing_period == showback.period)
        earlier = sum_of(line.amount for line in lines if line.billing_period != showback.period)
        steps = [
            ("Billed cost of the period (invoice basis)", billed),
            ("Prepaid commitments spread over time", own - billed),
            ("Adjustments to earlier periods, posted in this one", earlier),
        ]
        _band(book, sheet, row, f"From invoice to showback, {shown(currency)}", 10)
        for offset, (label, amount) in enumerate(steps, start=1):
            sheet.write_string(row + offset, 0, label, book.style())
            sheet.write_number(row + offset, 4, _number(amount, digits), book.money(digits))
        at = row + len(steps) + 1
        style: dict[str, Any] = {"bold": True, "top": 1, "bottom": 6}
        sheet.write_string(at, 0, f"Showback total {shown(currency)}", book.style(**style))
        for column in (1, 2, 3):
            sheet.write_blank(at, column, None, book.style(**style))
        total = _number(own + earlier, digits)
        sheet.write_formula(at, 4, f"=SUM(E{row + 2}:E{at})", book.money(digits, **style), total)
        row = at + 2


# --- notes ----------------------------------------------------------------------------------------------------------


def _exact_totals(statement: Statement) -> list[tuple[str, Decimal]]:
    return [
        (f"{label}, {section.currency}", amount)
        for section in statement.sections
        for label, amount in (
            ("Total", section.total),
            ("Previous period", section.previous),
            ("Year to date", section.year_to_date),
            ("Invoice basis", section.billed),
        )
    ]


def _exact_showback_totals(showback: Showback) -> list[tuple[str, Decimal]]:
    exact: list[tuple[str, Decimal]] = []
    for currency in showback.currencies:
        members = showback.sections(currency)
        residue = sum_of(s.total for statement, s in members if statement.cost_center.cost_center_id == ROUNDING)
        exact += [
            (f"Cost centres, {currency}", showback.total(currency) - residue),
            (f"Rounding below the minor unit, {currency}", residue),
            (f"Total, {currency}", showback.total(currency)),
        ]
    return exact


def _write_notes(book: _Book, sheet: Any, exact: list[tuple[str, Decimal]], showback: Showback) -> None:
    sheet.set_column("A:A", 36)
    sheet.set_column("B:B", 92)
    _write_title(book, sheet, "Notes", month_name(showback.period), showback, 1)
    sheet.freeze_panes(3, 0)
    _header(book, sheet, 4, ("Exact decimal amounts", "Amount, as text"), figures=range(0))
    row = 5
    for label, amount in exact:
        sheet.write_string(row, 0, shown(label), book.style())
        sheet.write_string(row, 1, plain_decimal(amount), book.style(font_name="Consolas"))
        row += 1
    row += 1
    _header(book, sheet, row, ("How to read this", ""), figures=range(0))
    for label, text in _glossary(showback):
        row += 1
        sheet.write_string(row, 0, label, book.style(valign="top"))
        sheet.write_string(row, 1, shown(text), book.style(text_wrap=True, valign="top"))


def _glossary(showback: Showback) -> list[tuple[str, str]]:
    kinds = ", ".join(label.lower() for label in KIND_LABELS.values())
    notes = [
        ("Status", showback.status_label),
        (
            "Cost basis",
            "Effective cost: prepaid commitments are spread over the usage they cover. Not the invoice amount.",
        ),
        (
            "Invoice basis",
            "Billed cost: what the providers' invoices charge. It differs from effective cost by timing.",
        ),
        ("Shared cost", "Cost used by several cost centres, divided by a shared-cost rule."),
        ("Unused commitments", "Reservations and savings plans that were paid for and covered nothing."),
        ("Adjustments", "Changes to a closed period. They are charged in the period that posts them."),
        ("~unallocated", "Charges that no allocation rule claimed."),
        ("~rounding", "What rounding the lines to whole minor units left over. It is added so that totals stay exact."),
        (
            "Previous period",
            f"{month_name(showback.previous_period)}. A line without charge this period shows 'no charge'.",
        ),
        ("Year to date", f"{month_name(showback.year_starts)} to {month_name(showback.period)}."),
        ("Kinds of cost", kinds[:1].upper() + kinds[1:] + "."),
        ("Currencies", "Each currency is stated on its own. Different currencies are never added."),
        ("Explain a line", "finops explain LINE_ID shows the source file, rows, rule and rule version behind a line."),
        ("Numbers", "Cells hold amounts rounded to the currency's minor unit. The exact decimals are listed above."),
    ]
    if showback.published_as:
        notes.append(("Figures from", f"{showback.published_as}. They may change until the period is closed."))
    return notes


# --- shared pieces --------------------------------------------------------------------------------------------------


def _write_title(book: _Book, sheet: Any, title: str, subtitle: str, showback: Showback, last_column: int) -> None:
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, title, book.style(bold=True, font_size=18, font_color=NAVY))
    sheet.write_string(1, 0, shown(subtitle), book.style(font_size=12, font_color=GREY))
    fill = GREEN if showback.is_final else AMBER
    sheet.write_string(2, 0, showback.status_label, book.style(bold=True, bg_color=fill))
    for column in range(1, last_column + 1):
        sheet.write_blank(2, column, None, book.style(bg_color=fill))


def _band(book: _Book, sheet: Any, row: int, text: str, last_column: int) -> None:
    sheet.write_string(row, 0, text, book.style(bold=True, font_size=11, font_color=NAVY, bg_color=PALE))
    for column in range(1, last_column + 1):
        sheet.write_blank(row, column, None, book.style(bg_color=PALE))


def _header(book: _Book, sheet: Any, row: int, heads: Sequence[str], figures: range = range(1, 99)) -> None:
    """Heads stand right-aligned above the columns in `figures`, else left."""
    for column, head in enumerate(heads):
        sheet.write_string(row, column, head, _heading(book, column, figures))


def _heading(book: _Book, column: int, figures: range) -> Any:
    # A text column right of figures is indented, like its cells, so that the two do not touch.
    place: dict[str, Any] = {"align": "right"} if column in figures else {"align": "left", "indent": int(column - 1 in figures)}
    return book.style(bold=True, font_color="#FFFFFF", bg_color=NAVY, **place)


def _table(
    book: _Book, sheet: Any, first_row: int, last_row: int, heads: Sequence[str], name: str, figures: range
) -> None:
    sheet.add_table(
        first_row,
        0,
        last_row,
        len(heads) - 1,
        {
            "name": name,
            "style": "Table Style Light 1",
            "columns": [
                {"header": head, "header_format": _heading(book, column, figures)} for column, head in enumerate(heads)
            ],
        },
    )


def _write_change(
    book: _Book,
    sheet: Any,
    row: int,
    amount: Decimal,
    previous: Decimal,
    digits: int,
    *,
    first_column: int,
    **style: Any,
) -> None:
    """Change and change in percent, right of the two amounts that start at `first_column`."""
    change, share = first_column + 2, first_column + 3
    now, before = (f"{chr(ord('A') + column)}{row + 1}" for column in (first_column, first_column + 1))
    value = _number(amount - previous, digits)
    sheet.write_formula(row, change, f"={now}-{before}", book.money(digits, **style), value)
    ratio = change_ratio(amount, previous)
    if ratio is None:
        text = "new" if amount else "—"
        sheet.write_string(row, share, text, book.style(align="right", font_color=GREY, **style))
    else:
        percent = book.style(num_format="0.0%", align="right", **style)
        sheet.write_number(row, share, float(rounded(ratio, 4)), percent)
