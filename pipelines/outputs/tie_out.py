"""The tie-out sheet: invoice, named differences, all statements together, per currency; nothing is left over.

Columns are the sources of the bills. The statements, one row each, come below with what fct_chargeback says of them.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pipelines.outputs.statement_model import (
    ROUNDING,
    UNALLOCATED,
    ZERO,
    Check,
    Line,
    Section,
    Showback,
    Statement,
    rounded,
    sum_of,
)
from pipelines.outputs.statement_periods import period_name
from pipelines.outputs.statement_text import shown
from pipelines.outputs.workbook import AMBER, EXACT_DIGITS, GREY, Book, number, write_band, write_header, write_title

_Amounts = dict[str, Decimal]  # by source
_LABEL_WIDTH = 62


def write_tie_out(book: Book, sheet: Any, showback: Showback, file_names: dict[str, str]) -> None:
    """`file_names` maps a cost centre to the workbook that holds its statement."""
    sheet.set_landscape()
    sheet.set_column(0, 0, _LABEL_WIDTH)
    sheet.set_column(1, 40, 19)
    subtitle = f"From the invoice to the statements · {period_name(showback.period)}"
    write_title(book, sheet, "Tie-out", subtitle, showback, 4)
    sheet.freeze_panes(3, 1)
    row = 4
    for currency in showback.currencies:
        row = _write_currency(book, sheet, row, currency, showback)
        row = _write_statements(book, sheet, row + 1, currency, showback, file_names) + 1


def _write_currency(book: Book, sheet: Any, row: int, currency: str, showback: Showback) -> int:
    members = showback.sections(currency)
    billed = {check.source for check in _checks(showback, currency, "landing")}
    sources = sorted(billed | {line.source for _, section in members for line in section.lines if line.line_id})
    write_band(book, sheet, row, f"Amounts in {shown(currency)}", len(sources) + 1)
    write_header(book, sheet, row + 1, ["Step", *(shown(source) for source in sources), "All"])
    row += 2
    marks: dict[str, int] = {}
    for label, amounts, kind in _steps(currency, members, sources, showback):
        marks[label] = row
        _write_step(
            book, sheet, row, label, [amounts.get(source, ZERO) for source in sources], kind, showback, currency
        )
        row += 1
    return row


def _steps(
    currency: str, members: list[tuple[Statement, Section]], sources: list[str], showback: Showback
) -> list[tuple[str, _Amounts, str]]:
    """Label, amounts by source, and what the step is: a total, a named difference, or what must be zero."""

    def lines(of: Callable[[str], bool], amount: Callable[[Line], Decimal]) -> _Amounts:
        found = dict.fromkeys(sources, ZERO)
        for statement, section in members:
            if of(statement.cost_center.cost_center_id):
                for line in section.lines:
                    if line.line_id:
                        found[line.source] += amount(line)
        return found

    def own(line: Line) -> bool:
        return line.billing_period == showback.period

    everyone = lines(lambda _: True, lambda line: line.amount)
    billed = lines(lambda _: True, lambda line: line.billed if own(line) else ZERO)
    effective = lines(lambda _: True, lambda line: line.amount if own(line) else ZERO)
    adjustments = lines(lambda _: True, lambda line: ZERO if own(line) else line.amount)
    centers = lines(lambda center: not center.startswith("~"), lambda line: line.amount)
    unallocated = lines(lambda center: center == UNALLOCATED, lambda line: line.amount)
    residue = lines(lambda center: center == ROUNDING, lambda line: line.amount)
    steps: list[tuple[str, _Amounts, str]] = []
    invoice = {c.source: c.totals[0] or ZERO for c in _checks(showback, currency, "landing")}
    if invoice:
        cut = {c.source: -(c.difference or ZERO) for c in _checks(showback, currency, "rounding")}
        steps += [
            ("Invoice: charges in the providers' files", invoice, "total"),
            ("Fractions beyond 12 decimals, rounded when landed", cut, "difference"),
            ("Left over between files and statements", _less(_less(billed, invoice), cut), "zero"),
        ]
    steps += [
        ("Billed cost of the period", billed, "total"),
        ("Prepaid commitments spread over time: effective less billed cost", _less(effective, billed), "difference"),
        ("Effective cost of the period", effective, "total"),
        ("Adjustments to earlier periods, posted in this one", adjustments, "difference"),
        ("Showback", everyone, "total"),
        ("Less the statements of cost centres", _less({}, centers, sources), "difference"),
        ("Less the statement of what no rule allocated", _less({}, unallocated, sources), "difference"),
        ("Less rounding below the minor unit, which is in no statement", _less({}, residue, sources), "difference"),
        ("Left over", _less(_less(_less(everyone, centers), unallocated), residue), "zero"),
    ]
    return steps


def _checks(showback: Showback, currency: str, stage: str) -> list[Check]:
    return [check for check in showback.checks if check.stage == stage and check.currency == currency]


def _less(amounts: _Amounts, others: _Amounts, sources: list[str] | None = None) -> _Amounts:
    return {source: amounts.get(source, ZERO) - others.get(source, ZERO) for source in sources or {**amounts, **others}}


def _write_step(
    book: Book, sheet: Any, row: int, label: str, amounts: list[Decimal], kind: str, showback: Showback, currency: str
) -> None:
    digits = showback.digits[currency]
    style: dict[str, Any] = {"bold": True, "top": 1} if kind != "difference" else {}
    if kind == "zero":
        style["bottom"] = 6
        if any(amounts):
            style["bg_color"] = AMBER
    indent = {"indent": 1} if kind == "difference" else {}
    sheet.write_string(row, 0, label, book.style(**style, **indent))
    for column, amount in enumerate(amounts, start=1):
        sheet.write_number(row, column, number(amount, EXACT_DIGITS), _figure(book, amount, digits, style))
    total = sum_of(amounts)
    if not amounts:
        sheet.write_number(row, 1, 0, book.money(digits, **style))
        return
    letters = (_letter(1), _letter(len(amounts)))
    formula = f"=SUM({letters[0]}{row + 1}:{letters[1]}{row + 1})"
    figure = _figure(book, total, digits, style)
    sheet.write_formula(row, len(amounts) + 1, formula, figure, number(total, EXACT_DIGITS))


def _figure(book: Book, amount: Decimal, digits: int, style: dict[str, Any]) -> Any:
    """A difference smaller than the minor unit is still shown: it is what the sheet is about."""
    if amount and not rounded(amount, digits):
        return book.residue(**style)
    return book.money(digits, **style)


def _write_statements(
    book: Book, sheet: Any, row: int, currency: str, showback: Showback, file_names: dict[str, str]
) -> int:
    digits = showback.digits[currency]
    heads = (f"Statement, {shown(currency)}", "Sum of its lines", "fct_chargeback", "Difference", "File")
    write_header(book, sheet, row, heads, figures=range(1, 4))
    first = row + 1
    members = [(s, section) for s, section in showback.sections(currency) if s.cost_center.cost_center_id != ROUNDING]
    for at, (statement, section) in enumerate(members, start=first):
        center = statement.cost_center
        sheet.write_string(at, 0, shown(f"{center.cost_center_id}  {center.name}"), book.style())
        sheet.write_number(at, 1, number(section.total, digits), book.money(digits))
        sheet.write_number(at, 2, number(section.chargeback_total, digits), book.money(digits))
        difference = section.total - section.chargeback_total
        figure = book.money(digits, **({"bg_color": AMBER} if difference else {}))
        sheet.write_formula(at, 3, f"=B{at + 1}-C{at + 1}", figure, number(difference, digits))
        issued = file_names.get(center.cost_center_id) if statement.is_issued else None
        text = issued or "no charges this period"
        sheet.write_string(at, 4, text, book.style(indent=1, **({} if issued else {"font_color": GREY})))
    end = first + len(members)
    style: dict[str, Any] = {"bold": True, "top": 1, "bottom": 6}
    sheet.write_string(end, 0, f"All statements, {shown(currency)}", book.style(**style))
    sums = (
        sum_of(section.total for _, section in members),
        sum_of(section.chargeback_total for _, section in members),
    )
    for column, total in enumerate((*sums, sums[0] - sums[1]), start=1):
        letter = _letter(column)
        formula = f"=SUM({letter}{first + 1}:{letter}{end})"
        sheet.write_formula(end, column, formula, book.money(digits, **style), number(total, digits))
    return end + 1


def _letter(column: int) -> str:
    """Excel's name of a column, from 0: A, …, Z, AA."""
    return (_letter(column // 26 - 1) if column >= 26 else "") + chr(ord("A") + column % 26)
