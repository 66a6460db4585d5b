"""The sheets that say why a statement is what it is: drivers, trend, adjustments, and an estimate's days."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pipelines.outputs.statement_model import (
    KIND_LABELS,
    ZERO,
    Driver,
    Section,
    Showback,
    Statement,
    rounded,
    sum_of,
)
from pipelines.outputs.statement_periods import is_month, period_name, unit_of
from pipelines.outputs.statement_text import shown
from pipelines.outputs.workbook import (
    GREY,
    Book,
    number,
    write_band,
    write_header,
    write_table,
    write_title,
    write_trend_chart,
)

METHOD_LABELS = {
    "direct": "Direct rule",
    "proportional_usage": "By usage",
    "proportional_cost": "By cost",
    "equal_split": "Equal parts",
    "headcount_based": "By headcount",
    "revenue_based": "By revenue",
    "fixed_percentage": "Fixed percentage",
    "activity_based": "By activity",
    "hybrid": "Hybrid",
    "tiered": "Tiered",
    "telemetry": "By telemetry",
    "commitment_benefit": "Commitment benefit",
    "unallocated": "Not allocated",
}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_QUANTITY = "#,##0.####"
_DRIVER_COLUMNS = (
    ("Currency", 9),
    ("Method", 20),
    ("Rule or pool", 26),
    ("Version", 14),
    ("Driver", 20),
    ("Your quantity", 16),
    ("Everyone's quantity", 18),
    ("Cost of the rule", 17),
    ("Cost per unit", 14),
    ("Your share", 11),
    ("Your part", 17),
    ("Note", 34),
)
_ADJUSTMENT_COLUMNS = (
    ("Currency", 9),
    ("Origin month", 13),
    ("Service", 40),
    ("Provider", 11),
    ("Source", 20),
    ("Charged before", 17),
    ("Adjustment", 17),
    ("Charged now", 17),
    ("Line ID", 36),
    ("Explain with", 52),
)


def write_drivers(book: Book, sheet: Any, statement: Statement, showback: Showback) -> None:
    _open(book, sheet, "Drivers: what the amounts were claimed or divided by", statement, showback, _DRIVER_COLUMNS)
    rows = [(section, driver) for section in statement.sections for driver in section.drivers]
    if not rows:
        why = (
            "This month was closed before rules were kept with it." if showback.is_final else "No charges this period."
        )
        sheet.write_string(4, 0, why, book.style(italic=True))
        return
    for row, (section, driver) in enumerate(rows, start=5):
        _write_driver(book, sheet, row, section, driver)
    last = 4 + len(rows)
    write_table(book, sheet, 4, last, [head for head, _ in _DRIVER_COLUMNS], "tbl_drivers", range(5, 11))
    sheet.freeze_panes(5, 3)
    sheet.repeat_rows(4)
    row = last + 2
    for section in statement.sections:
        row = _write_driver_tie_out(book, sheet, row, section, last) + 1


def _write_driver(book: Book, sheet: Any, row: int, section: Section, driver: Driver) -> None:
    digits = section.digits
    method = METHOD_LABELS.get(driver.method, driver.method)
    rule = "" if driver.rule_id == "~none" else driver.rule_id
    texts = (section.currency, method, rule, driver.rule_version, driver.driver)
    for column, text in enumerate(texts):
        sheet.write_string(row, column, shown(text), book.style())
    quantities = (driver.driver_value, driver.driver_total)
    for column, quantity in enumerate(quantities, start=5):
        _write_optional(sheet, row, column, quantity, 4, book.style(num_format=_QUANTITY, align="right"))
    _write_optional(sheet, row, 7, driver.rule_cost, digits, book.money(digits))
    if driver.rule_cost is not None and driver.driver_total:
        price = number(driver.rule_cost / driver.driver_total, 6)
        style = book.style(num_format="#,##0.00####", align="right")
        sheet.write_formula(row, 8, f"=H{row + 1}/G{row + 1}", style, price)
    else:
        sheet.write_blank(row, 8, None, book.style())
    _write_optional(sheet, row, 9, driver.share, 6, book.style(num_format="0.00%", align="right"))
    sheet.write_number(row, 10, number(driver.amount, digits), book.money(digits))
    note = "fallback of the declared method" if driver.is_fallback else driver.reason.replace("_", " ")
    sheet.write_string(row, 11, shown(note), book.style(indent=1))


def _write_driver_tie_out(book: Book, sheet: Any, row: int, section: Section, last: int) -> int:
    """From the parts above to the statement's total, in the exact decimals that the cells then round."""
    digits = section.digits
    parts = sum_of(driver.amount for driver in section.drivers)
    adjustments = sum_of(line.amount for line in section.adjustments)
    rest = section.total - adjustments - parts
    # Each line is off by less than one minor unit; more than that is not rounding.
    is_rounding = abs(rest) <= Decimal(1).scaleb(-digits) * max(len(section.lines), 1)
    steps = (
        ("Your parts, by the rules above", parts),
        ("Rounding of the lines to whole minor units" if is_rounding else "Not explained by the rules above", rest),
        ("Adjustments to earlier periods", adjustments),
        (f"Statement total {shown(section.currency)}", section.total),
    )
    for offset, (label, amount) in enumerate(steps):
        is_last = offset == len(steps) - 1
        emphasis: dict[str, Any] = {"bold": True, "top": 1} if is_last else {}
        sheet.write_string(row + offset, 7, label, book.style(**emphasis))
        for column in (8, 9):
            sheet.write_blank(row + offset, column, None, book.style(**emphasis))
        is_residue = rounded(amount, digits) != amount
        figure = book.residue() if is_residue else book.money(digits, **emphasis)
        sheet.write_number(row + offset, 10, number(amount, 12 if is_residue else digits), figure)
    return row + len(steps)


def write_trends(book: Book, sheet: Any, statement: Statement, showback: Showback) -> None:
    """Per currency one row a month, kind by kind, with change and running year, and a chart."""
    heads = (*KIND_LABELS, "Total", "Change", "Change %", _running(showback))
    columns = ((unit_of(showback.period).title(), 12), *((label, 18) for label in heads))
    _open(book, sheet, "Trend", statement, showback, columns)
    sheet.freeze_panes(3, 1)
    row = 4
    for section in statement.sections:
        row = _write_trend(book, sheet, row, section, showback) + 1


def _running(showback: Showback) -> str:
    return "Running year" if is_month(showback.period) else "Running total"


def _write_trend(book: Book, sheet: Any, row: int, section: Section, showback: Showback) -> int:
    digits = section.digits
    kinds = [k for k in KIND_LABELS if any(amounts.get(k) for _, amounts in section.trend_by_kind)]
    kinds += sorted({k for _, amounts in section.trend_by_kind for k in amounts} - set(KIND_LABELS))
    labels = {**KIND_LABELS, "adjustment": "Adjustments"}
    unit = unit_of(showback.period)
    heads = [
        unit.title(),
        *(labels.get(kind, kind) for kind in kinds),
        "Total",
        "Change",
        "Change %",
        _running(showback),
    ]
    write_band(book, sheet, row, f"Amounts in {shown(section.currency)}", len(heads) - 1)
    write_header(book, sheet, row + 1, [shown(head) for head in heads])
    total_column = len(kinds) + 1
    before, running = ZERO, ZERO
    for offset, (month, amounts) in enumerate(section.trend_by_kind):
        at = row + 2 + offset
        total = sum_of(amounts.values())
        sheet.write_string(at, 0, month, book.style())
        for column, kind in enumerate(kinds, start=1):
            sheet.write_number(at, column, number(amounts.get(kind, ZERO), digits), book.money(digits))
        left, right = _letter(1), _letter(total_column - 1)
        formula = f"=SUM({left}{at + 1}:{right}{at + 1})" if kinds else "=0"
        sheet.write_formula(at, total_column, formula, book.money(digits, bold=True), number(total, digits))
        _write_step(book, sheet, at, total_column, total, before if offset else None, digits)
        running = total if is_month(month) and month.endswith("-01") else running + total
        sheet.write_number(at, total_column + 3, number(running, digits), book.money(digits))
        before = total
    last = row + 1 + len(section.trend_by_kind)
    write_trend_chart(book, sheet, (row + 2, last), total_column, section.currency, at=(last + 2, 0), unit=unit)
    return last + 18


def _write_step(
    book: Book, sheet: Any, row: int, total_column: int, total: Decimal, before: Decimal | None, digits: int
) -> None:
    """The change against the row above; the first month has none."""
    change, share = total_column + 1, total_column + 2
    if before is None:
        sheet.write_blank(row, change, None, book.style())
        sheet.write_blank(row, share, None, book.style())
        return
    now, then = f"{_letter(total_column)}{row + 1}", f"{_letter(total_column)}{row}"
    sheet.write_formula(row, change, f"={now}-{then}", book.money(digits), number(total - before, digits))
    if before:
        percent = book.style(num_format="0.0%", align="right")
        sheet.write_number(row, share, float(rounded((total - before) / abs(before), 4)), percent)
    else:
        sheet.write_string(row, share, "new" if total else "—", book.style(align="right", font_color=GREY))


def write_adjustments(book: Book, sheet: Any, statement: Statement, showback: Showback) -> None:
    title = "Adjustments: changes to closed months, charged in this one"
    _open(book, sheet, title, statement, showback, _ADJUSTMENT_COLUMNS)
    rows = [(section, line) for section in statement.sections for line in section.adjustments]
    if not rows:
        text = f"Nothing of an earlier month was charged or credited in {period_name(showback.period)}."
        sheet.write_string(4, 0, text, book.style(italic=True))
        return
    for row, (section, line) in enumerate(rows, start=5):
        digits = section.digits
        texts = (section.currency, line.billing_period, line.service, line.provider, line.source)
        for column, text in enumerate(texts):
            sheet.write_string(row, column, shown(text), book.style())
        sheet.write_number(row, 5, number(line.posted_before, digits), book.money(digits))
        sheet.write_number(row, 6, number(line.amount, digits), book.money(digits))
        now = number(line.posted_before + line.amount, digits)
        sheet.write_formula(row, 7, f"=F{row + 1}+G{row + 1}", book.money(digits), now)
        book.write_line_id(sheet, row, 8, line.line_id)
    last = 4 + len(rows)
    write_table(book, sheet, 4, last, [head for head, _ in _ADJUSTMENT_COLUMNS], "tbl_adjustments", range(5, 8))
    sheet.freeze_panes(5, 3)
    for offset, section in enumerate(s for s in statement.sections if s.adjustments):
        row = last + 2 + offset
        total = number(sum_of(line.amount for line in section.adjustments), section.digits)
        sheet.write_string(row, 0, shown(section.currency), book.style(bold=True))
        sheet.write_string(row, 2, "Total of the adjustments", book.style(bold=True))
        formula = f"=SUMIFS(G$6:G${last + 1},$A$6:$A${last + 1},$A{row + 1})"
        sheet.write_formula(row, 6, formula, book.money(section.digits, bold=True), total)


def write_days(book: Book, sheet: Any, statement: Statement, showback: Showback) -> None:
    """An estimate by day, a month's also by week (Monday to Sunday, cut at the month's ends), before cents."""
    columns = (("Week or day", 30), ("Days", 8), ("Charges", 17), ("To date", 17))
    title = "Estimate by week and day" if is_month(showback.period) else "Estimate by day"
    _open(book, sheet, title, statement, showback, columns)
    sheet.freeze_panes(3, 1)
    row = 4
    for section in statement.sections:
        if not section.days:
            continue
        write_band(book, sheet, row, f"Charges in {shown(section.currency)}", 3)
        if is_month(showback.period):
            row = _write_running(book, sheet, row + 1, "Week", section.by_week(), section.digits)
        days = [(f"{day:%Y-%m-%d}, {_WEEKDAYS[day.weekday()]}", 1, amount) for day, amount in section.days]
        row = _write_running(book, sheet, row + 1, "Day", days, section.digits)
        own = sum_of(amount for _, amount in section.days)
        adjustments = sum_of(line.amount for line in section.adjustments)
        rest = section.total - own - adjustments
        for label, amount in (("Adjustments to earlier periods", adjustments), ("Rounding to minor units", rest)):
            is_residue = rounded(amount, section.digits) != amount
            sheet.write_string(row, 0, label, book.style())
            figure = book.residue() if is_residue else book.money(section.digits)
            sheet.write_number(row, 2, number(amount, 12 if is_residue else section.digits), figure)
            row += 1
        style: dict[str, Any] = {"bold": True, "top": 1, "bottom": 6}
        sheet.write_string(row, 0, f"Estimated so far, {shown(section.currency)}", book.style(**style))
        sheet.write_blank(row, 1, None, book.style(**style))
        sheet.write_number(row, 2, number(section.total, section.digits), book.money(section.digits, **style))
        row += 2


def _write_running(
    book: Book, sheet: Any, row: int, head: str, rows: Sequence[tuple[str, int, Decimal]], digits: int
) -> int:
    write_header(book, sheet, row, (head, "Days", "Charges", "To date"))
    running = ZERO
    for at, (label, days, amount) in enumerate(rows, start=row + 1):
        running += amount
        sheet.write_string(at, 0, label, book.style())
        sheet.write_number(at, 1, days, book.style(num_format="0", align="right"))
        sheet.write_number(at, 2, number(amount, digits), book.money(digits))
        sheet.write_number(at, 3, number(running, digits), book.money(digits))
    return row + 1 + len(rows)


def _open(
    book: Book, sheet: Any, title: str, statement: Statement, showback: Showback, columns: Sequence[tuple[str, int]]
) -> None:
    sheet.set_landscape()
    for column, (_, width) in enumerate(columns):
        sheet.set_column(column, column, width)
    subtitle = f"{shown(statement.cost_center.name)} · {period_name(showback.period)}"
    write_title(book, sheet, title, subtitle, showback, len(columns) - 1)


def _write_optional(sheet: Any, row: int, column: int, amount: Decimal | None, digits: int, style: Any) -> None:
    if amount is None:
        sheet.write_blank(row, column, None, style)
    else:
        sheet.write_number(row, column, number(amount, digits), style)


def _letter(column: int) -> str:
    return chr(ord("A") + column)
