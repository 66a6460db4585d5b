"""A cost centre's statement as a PDF page that its owner and a controller can sign.

The template is `statement.typ`. Data reach it as JSON, never as markup, so no text of a bill can become Typst code.
"""

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import typst

from pipelines.outputs.statement_fonts import StatementFonts, east_asian_family, isolated
from pipelines.outputs.statement_model import (
    ZERO,
    Line,
    Section,
    Showback,
    Statement,
    change_ratio,
    rounded,
    sum_of,
)
from pipelines.outputs.statement_periods import bar_name, column_name, is_month, last_day, period_name, unit_of
from pipelines.outputs.statement_text import money_text, shown

_TEMPLATE = Path(__file__).with_name("statement.typ")
_LONGEST_TEXT = 160  # a page is no place for a longer service name; the workbook and the CSV have it in full
_LONGEST_WORD = 28
_LONGEST_ID = 72  # a line id is copied into a command, so it is broken only where it would not fit


class StatementPrinter:
    """One Typst compiler for all statements of a period: loading fonts and template once is what makes 500 fast."""

    def __init__(self, showback: Showback, fonts: StatementFonts) -> None:
        self._showback = showback
        self._dated = datetime.combine(last_day(showback.period), time(), UTC)
        self._fonts = fonts
        self._compiler = typst.Compiler(_TEMPLATE, root=_TEMPLATE.parent, font_paths=fonts.loaded)

    def pdf(self, statement: Statement) -> bytes:
        raw = _page(statement, self._showback)
        page = self._fonts.printable(raw)
        page["names_unprintable"] = page != raw
        page["east_asian"] = east_asian_family(_texts(statement))
        data = json.dumps(page, ensure_ascii=False)
        rendered = self._compiler.compile(format="pdf", sys_inputs={"statement": data}, timestamp=self._dated)
        assert isinstance(rendered, bytes)
        return rendered


def _texts(statement: Statement) -> Iterator[str]:
    center = statement.cost_center
    yield from (center.name, center.department, center.business_unit, center.owner)
    yield from (line.service for section in statement.sections for line in section.lines)


def _page(statement: Statement, showback: Showback) -> dict[str, Any]:
    center = statement.cost_center
    dated = last_day(showback.period)
    return {
        "date": [dated.year, dated.month, dated.day],
        "period": showback.period,
        "month": period_name(showback.period),
        "column": column_name(showback.period),
        "previous_column": column_name(showback.previous_period),
        "tied_to": "Chargeback total" if is_month(showback.period) else "Allocated costs, in whole cents",
        "unit": unit_of(showback.period),
        "part": "week" if is_month(showback.period) else "day",
        "previous_month": period_name(showback.previous_period),
        "year_starts": period_name(showback.year_starts),
        "status": showback.status_label,
        "final": showback.is_final,
        "estimate": showback.is_estimate,
        "published_as": _text(showback.published_as),
        "name": _text(center.name),
        "id": _text(center.cost_center_id),
        "owner": _text(center.owner),
        "facts": [
            [label, value or "—"]
            for label, value in (
                ("Cost centre", f"{_text(center.name)} ({_text(center.cost_center_id)})"),
                ("Department", _text(center.department)),
                ("Business unit", _text(center.business_unit)),
                ("Owner", _text(center.owner)),
                ("GL account", _text(center.gl_account)),
                ("Period", period_name(showback.period)),
            )
        ],
        "sections": [_section(section, showback) for section in statement.sections],
    }


def _section(section: Section, showback: Showback) -> dict[str, Any]:
    money = _Money(section.digits)
    return {
        "currency": _text(section.currency),
        **money.row(section.total, section.previous),
        "year_to_date": money.text(section.year_to_date),
        "chargeback_total": money.text(section.chargeback_total),
        "tie_difference": money.text(section.total - section.chargeback_total),
        "billed": money.text(section.billed),
        "timing": money.text(section.total - section.billed),
        "kinds": [
            {
                "label": _text(members[0].kind_label),
                "shared": members[0].is_shared,
                **money.row(sum_of(m.amount for m in members), sum_of(m.previous for m in members)),
                "lines": [_line(line, money, showback.period) for line in members],
            }
            for _, members in section.by_kind()
        ],
        "trend": _bars(section.trend),
        "parts": [[name, str(days), money.text(amount)] for name, days, amount in _parts(section, showback)],
    }


def _parts(section: Section, showback: Showback) -> list[tuple[str, int, Decimal]]:
    """An estimate's weeks, or the days of a week; a day has none."""
    if is_month(showback.period):
        return section.by_week()
    days = [(period_name(day.isoformat()), 1, amount) for day, amount in section.days]
    return days if len(days) > 1 else []


def _line(line: Line, money: "_Money", period: str) -> dict[str, Any]:
    origin = f"for {period_name(line.billing_period)}" if line.line_id and line.billing_period != period else ""
    return {
        "service": _text(line.service),
        "where": " · ".join(filter(None, (_text(line.provider), _text(line.source), _text(origin)))),
        "line_id": _text(line.line_id, _LONGEST_ID),
        "shared": line.is_shared,
        **money.row(line.amount, line.previous),
    }


@dataclass(frozen=True)
class _Money:
    digits: int

    def text(self, amount: Decimal) -> str:
        return money_text(amount, self.digits)

    def row(self, amount: Decimal, previous: Decimal) -> dict[str, str]:
        change = amount - previous
        sign = "+" if rounded(change, self.digits) > 0 else ""
        return {
            "amount": self.text(amount),
            "previous": self.text(previous),
            "change": sign + self.text(change),
            "percent": _percent(amount, previous),
        }


def _percent(amount: Decimal, previous: Decimal) -> str:
    ratio = change_ratio(amount, previous)
    if ratio is None:
        return "new" if amount else "—"
    percent = rounded(ratio * 100, 1)
    if abs(percent) >= 1000:
        return "> 999 %" if percent > 0 else "< −999 %"
    return ("+" if percent > 0 else "") + money_text(percent, 1) + " %"


def _bars(trend: tuple[tuple[str, Decimal], ...]) -> dict[str, Any]:
    """Bar heights as shares of the whole plot, so that the template only draws."""
    amounts = [ZERO, *(amount for _, amount in trend)]
    top = max(amounts)
    span = (top - min(amounts)) or Decimal(1)
    return {
        "top": str(rounded(top / span, 4)),
        "bars": [
            {"name": bar_name(period, at == 0), "share": str(rounded(amount / span, 4))}
            for at, (period, amount) in enumerate(trend)
        ],
    }


def _text(text: str, longest_word: int = _LONGEST_WORD) -> str:
    """Cut to what a page holds; a word longer than its column gets places where it may break."""
    clean = shown(text)
    if len(clean) > _LONGEST_TEXT:
        clean = clean[: _LONGEST_TEXT - 1] + "…"
    return isolated(" ".join(_breakable(word, longest_word) for word in clean.split(" ")))


def _breakable(word: str, length: int) -> str:
    """Never broken before a mark that belongs to the letter before it."""
    parts, start = [], 0
    while len(word) - start > length:
        end = start + length
        while end < len(word) and unicodedata.category(word[end]).startswith("M"):
            end += 1
        parts.append(word[start:end])
        start = end
    return "\u200b".join([*parts, word[start:]])
