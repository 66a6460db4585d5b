"""What all statement workbooks share: a workbook without a clock, its formats, and the sheet parts both kinds have.

Every text is written as a string, never as a formula: service names and ids come from tags. Figures are numbers rounded
to the currency's minor unit, totals are formulas with their value cached, so that a reader that
does not calculate sees them.
"""

from collections.abc import Sequence
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import xlsxwriter

from pipelines.outputs.statement_model import (
    KIND_LABELS,
    Showback,
    change_ratio,
    rounded,
)
from pipelines.outputs.statement_periods import last_day, period_name, unit_of
from pipelines.outputs.statement_text import shown

NAVY, AMBER, GREEN, PALE, GREY, LINE = "#1F3A5F", "#FFE8B3", "#DDEFE0", "#EEF2F7", "#5B6673", "#C5CEDA"
EXACT_DIGITS = 12  # what the marts carry; shown only where less would hide something
A4 = 9


class Book:
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
        self._is_estimate = showback.is_estimate
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
        if self._is_estimate:
            sheet.set_header("&C&20&K9C5700ESTIMATE")
            sheet.set_tab_color(AMBER)
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

    def write_line_id(self, sheet: Any, row: int, column: int, line_id: str) -> None:
        """The line's id and, right of it, the command that explains the line; nothing for a line without charge."""
        code = self.style(font_name="Consolas", font_size=9, indent=1)
        sheet.write_string(row, column, shown(line_id), code)
        sheet.write_string(row, column + 1, shown(f"finops explain {line_id}") if line_id else "", code)

    def residue(self, **properties: Any) -> Any:
        return self.style(num_format="0.00##########", align="right", **properties)


def money_format(digits: int) -> str:
    figure = "#,##0" + ("." + "0" * digits if digits else "")
    return f"{figure};-{figure};{figure}"


def number(amount: Decimal, digits: int) -> float:
    """The only place where money becomes a float: a spreadsheet cell has no other number."""
    return float(rounded(amount, digits))


def write_title(book: Book, sheet: Any, title: str, subtitle: str, showback: Showback, last_column: int) -> None:
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, title, book.style(bold=True, font_size=18, font_color=NAVY))
    sheet.write_string(1, 0, shown(subtitle), book.style(font_size=12, font_color=GREY))
    fill = GREEN if showback.is_final else AMBER
    sheet.write_string(2, 0, showback.status_label, book.style(bold=True, bg_color=fill))
    for column in range(1, last_column + 1):
        sheet.write_blank(2, column, None, book.style(bg_color=fill))


def write_band(book: Book, sheet: Any, row: int, text: str, last_column: int) -> None:
    sheet.write_string(row, 0, text, book.style(bold=True, font_size=11, font_color=NAVY, bg_color=PALE))
    for column in range(1, last_column + 1):
        sheet.write_blank(row, column, None, book.style(bg_color=PALE))


def write_header(book: Book, sheet: Any, row: int, heads: Sequence[str], figures: range = range(1, 99)) -> None:
    """Heads stand right-aligned above the columns in `figures`, else left."""
    for column, head in enumerate(heads):
        sheet.write_string(row, column, head, _heading(book, column, figures))


def _heading(book: Book, column: int, figures: range) -> Any:
    # A text column right of figures is indented, like its cells, so that the two do not touch.
    place: dict[str, Any] = (
        {"align": "right"} if column in figures else {"align": "left", "indent": int(column - 1 in figures)}
    )
    return book.style(bold=True, font_color="#FFFFFF", bg_color=NAVY, **place)


def write_table(
    book: Book, sheet: Any, first_row: int, last_row: int, heads: Sequence[str], name: str, figures: range
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


def write_change(
    book: Book,
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
    value = number(amount - previous, EXACT_DIGITS)
    sheet.write_formula(row, change, f"={now}-{before}", book.money(digits, **style), value)
    ratio = change_ratio(amount, previous)
    if ratio is None:
        text = "new" if amount else "—"
        sheet.write_string(row, share, text, book.style(align="right", font_color=GREY, **style))
    else:
        percent = book.style(num_format="0.0%", align="right", **style)
        sheet.write_number(row, share, float(rounded(ratio, 4)), percent)


def write_trend(
    book: Book,
    sheet: Any,
    row: int,
    trend: Sequence[tuple[str, Decimal]],
    currency: str,
    digits: int,
    table_columns: int,
) -> int:
    """The months (weeks, days) as a small table with their chart beside it. Returns the row below both."""
    unit = unit_of(trend[-1][0])
    write_header(book, sheet, row, (unit.title(), "Amount"))
    for offset, (month, amount) in enumerate(trend, start=1):
        sheet.write_string(row + offset, 0, month, book.style())
        sheet.write_number(row + offset, 1, number(amount, digits), book.money(digits))
    last = row + len(trend)
    write_trend_chart(book, sheet, (row + 1, last), 1, currency, at=(row, table_columns), unit=unit)
    return max(last, row + 14) + 1


def write_trend_chart(
    book: Book, sheet: Any, rows: tuple[int, int], column: int, currency: str, *, at: tuple[int, int], unit: str
) -> None:
    """Columns of the months, weeks or days in `rows` (first, last): names in column 0, amounts in `column`."""
    first, last = rows
    months = last - first + 1
    name = sheet.get_name()
    chart = book.chart()
    chart.add_series(
        {
            "name": f"Cost in {shown(currency)}",
            "categories": [name, first, 0, last, 0],
            "values": [name, first, column, last, column],
            "fill": {"color": "#9DB2CC"},
            "gap": 45,
            "points": [None] * (months - 1) + [{"fill": {"color": NAVY}}],
        }
    )
    small = {"size": 8, "color": GREY}
    chart.set_title(
        {"name": f"Last {months} {unit}s, {shown(currency)}", "name_font": {"size": 10, "bold": True, "color": NAVY}}
    )
    chart.set_legend({"none": True})
    chart.set_x_axis({"num_font": small, "line": {"color": LINE}, "label_position": "low"})
    chart.set_y_axis(
        {"num_font": small, "num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#E3E8EF"}}}
    )
    chart.set_chartarea({"border": {"none": True}})
    chart.set_size({"width": 500, "height": 280})
    sheet.insert_chart(*at, chart, {"x_offset": 12, "object_position": 2})


def write_notes(book: Book, sheet: Any, exact: list[tuple[str, str]], showback: Showback) -> None:
    sheet.set_column("A:A", 36)
    sheet.set_column("B:B", 92)
    write_title(book, sheet, "Notes", period_name(showback.period), showback, 1)
    sheet.freeze_panes(3, 0)
    write_header(book, sheet, 4, ("Exact decimal amounts", "Amount, as text"), figures=range(0))
    row = 5
    for label, amount in exact:
        sheet.write_string(row, 0, shown(label), book.style())
        sheet.write_string(row, 1, amount, book.style(font_name="Consolas"))
        row += 1
    row += 1
    write_header(book, sheet, row, ("How to read this", ""), figures=range(0))
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
            f"{period_name(showback.previous_period)}. A line without charge this period shows 'no charge'.",
        ),
        ("Year to date", f"{period_name(showback.year_starts)} to {period_name(showback.period)}."),
        ("Kinds of cost", kinds[:1].upper() + kinds[1:] + "."),
        ("Currencies", "Each currency is stated on its own. Different currencies are never added."),
        ("Drivers", "Exact parts before whole minor units; the sheet ends with the way to the statement's total."),
        ("Explain a line", "finops explain LINE_ID shows the source file, rows, rule and rule version behind a line."),
        ("Numbers", "Cells hold amounts rounded to the currency's minor unit. The exact decimals are listed above."),
    ]
    if showback.is_estimate:
        text = f"The {unit_of(showback.period)} so far. It is never posted; the statement comes when its month closes."
        notes.insert(1, ("Estimate", text))
    if showback.published_as:
        notes.append(("Figures from", f"{showback.published_as}. They may change until the period is closed."))
    return notes
