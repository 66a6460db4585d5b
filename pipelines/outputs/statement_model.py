"""What a statement says, read from the published marts: one `Showback` per period, money as Decimal throughout.

A line belongs to the period it was POSTED in. An adjustment to a closed month therefore appears on the statement of the
month that posts it, and the statement of the closed month never changes. Currencies are never added to each other.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from pipelines.errors import FinopsError

UNALLOCATED = "~unallocated"
ROUNDING = "~rounding"
TREND_MONTHS = 13

KIND_LABELS = {  # in the order a statement lists them
    "direct": "Direct usage",
    "shared": "Shared cost",
    "commitment_waste": "Unused commitments",
    "support": "Support",
    "tax": "Tax",
    "credit": "Credits",
    "adjustment": "Adjustments to earlier periods",
    "rounding": "Rounding",
}
STATUS_LABELS = {  # the least final status of a period's lines is the period's status
    "open": "Provisional — the period is open",
    "soft_closed": "Provisional — soft closed, waiting for approval",
    "closed": "Final — the period is closed",
}
MINOR_UNITS = {  # ISO 4217 currencies whose minor unit is not 2 decimals
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
ZERO = Decimal(0)
_KEPT = "Nothing was written; earlier statements are as they were"


class StatementError(FinopsError):
    """Statements could not be written. What was there before is untouched."""


class MissingPeriodError(StatementError):
    """The marts hold no chargeback lines for the period."""


@dataclass(frozen=True)
class CostCenter:
    cost_center_id: str
    name: str
    department: str = ""
    business_unit: str = ""
    owner: str = ""
    gl_account: str = ""


@dataclass(frozen=True)
class Line:
    """One chargeback line, or (without a line_id) a line of the previous period that has no charge in this one."""

    line_id: str
    kind: str
    service: str
    provider: str
    source: str
    billing_period: str  # differs from the statement's period on an adjustment
    amount: Decimal
    previous: Decimal
    billed: Decimal

    @property
    def kind_label(self) -> str:
        return KIND_LABELS.get(self.kind, self.kind)

    @property
    def is_shared(self) -> bool:
        return self.kind == "shared"


@dataclass(frozen=True)
class Section:
    """One cost centre in one currency."""

    currency: str
    digits: int
    lines: tuple[Line, ...]
    trend: tuple[tuple[str, Decimal], ...]  # (month, amount), oldest first, ending with the period
    year_to_date: Decimal
    chargeback_total: Decimal  # summed by the database, not from `lines`

    @property
    def total(self) -> Decimal:
        return sum_of(line.amount for line in self.lines)

    @property
    def previous(self) -> Decimal:
        return sum_of(line.previous for line in self.lines)

    @property
    def billed(self) -> Decimal:
        return sum_of(line.billed for line in self.lines)

    def by_kind(self) -> list[tuple[str, list[Line]]]:
        groups: dict[str, list[Line]] = {}
        for line in self.lines:
            groups.setdefault(line.kind, []).append(line)
        return list(groups.items())


@dataclass(frozen=True)
class Statement:
    cost_center: CostCenter
    sections: tuple[Section, ...]

    @property
    def is_issued(self) -> bool:
        """Rounding is a line of the summary; a centre without lines in the period has nothing to sign."""
        return self.cost_center.cost_center_id != ROUNDING and any(
            line.line_id for section in self.sections for line in section.lines
        )


@dataclass(frozen=True)
class Check:
    """One row of fct_reconciliation; a total the stage does not have is None."""

    stage: str
    source: str
    currency: str
    metric: str
    status: str
    totals: tuple[Decimal | None, ...]  # source, landed, ledger, allocated, statement
    difference: Decimal | None


@dataclass(frozen=True)
class Showback:
    period: str
    status: str
    year_starts: str  # first month counted in year-to-date
    published_as: str  # run and time of publishing while figures may still change; empty once closed
    currencies: tuple[str, ...]
    digits: dict[str, int]
    statements: tuple[Statement, ...]  # every cost centre, the ones without a statement of their own too
    checks: tuple[Check, ...]

    @property
    def issued(self) -> list[Statement]:
        return [statement for statement in self.statements if statement.is_issued]

    @property
    def previous_period(self) -> str:
        return months_before(self.period, 1)

    @property
    def status_label(self) -> str:
        return STATUS_LABELS[self.status]

    @property
    def is_final(self) -> bool:
        return self.status == "closed"

    def sections(self, currency: str) -> list[tuple[Statement, Section]]:
        """Largest first, then what no rule allocated, then rounding."""
        found = [(s, section) for s in self.statements for section in s.sections if section.currency == currency]
        last = {UNALLOCATED: 1, ROUNDING: 2}
        return sorted(
            found,
            key=lambda pair: (
                last.get(pair[0].cost_center.cost_center_id, 0),
                -pair[1].total,
                pair[0].cost_center.cost_center_id,
            ),
        )

    def total(self, currency: str) -> Decimal:
        return sum_of(section.total for _, section in self.sections(currency))


def read_showback(marts: Path, period: str) -> Showback:
    """Read one period of a published marts.duckdb. Every total is checked against the database's own sum."""
    if not marts.is_file():
        raise StatementError(str(marts), "there are no published marts", _KEPT, "Run `finops run`")
    with duckdb.connect(str(marts), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return _Reader(connection, period).showback(marts)


def months_before(period: str, count: int) -> str:
    year, month = divmod(int(period[:4]) * 12 + int(period[5:]) - 1 - count, 12)
    return f"{year:04d}-{month + 1:02d}"


def last_day(period: str) -> date:
    return date.fromisoformat(f"{months_before(period, -1)}-01") - timedelta(days=1)


def month_name(period: str) -> str:
    names = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
    return f"{names[int(period[5:]) - 1]} {period[:4]}"


def sum_of(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def rounded(amount: Decimal, digits: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-digits)) + ZERO  # + 0 turns -0.00 into 0.00


def change_ratio(amount: Decimal, previous: Decimal) -> Decimal | None:
    """None where a percentage would mean nothing: there was nothing before."""
    return (amount - previous) / abs(previous) if previous else None


# A closed month's figures may not depend on what was posted after it: only months up to the period are ever read.
_POSTED = """
    select
        coalesce(nullif(posting_period, ''), billing_period) as month,
        coalesce(cost_center_id, '~unallocated') as cost_center_id,
        currency,
        coalesce(kind, 'direct') as kind,
        coalesce(x_source, '') as source,
        coalesce(provider, '') as provider,
        coalesce(nullif(service_name, ''), '(no service)') as service,
        line_id, billing_period, amount, billed_amount, status
    from fct_chargeback
"""


class _Reader:
    def __init__(self, connection: duckdb.DuckDBPyConnection, period: str) -> None:
        self._connection = connection
        self._period = period
        self._previous = months_before(period, 1)

    def showback(self, marts: Path) -> Showback:
        months = [month for (month,) in self._rows(f"select distinct month from ({_POSTED}) order by 1")]
        if self._period not in months:
            held = f"it holds {months[0]} to {months[-1]}" if months else "it holds no period at all"
            raise MissingPeriodError(
                str(marts),
                f"no chargeback lines for {self._period}; {held}",
                _KEPT,
                f"Run `finops run --period {self._period}`",
            )
        status = self._status()
        statements = self._statements(first_month=months[0])
        digits = {section.currency: section.digits for statement in statements for section in statement.sections}
        return Showback(
            period=self._period,
            status=status,
            year_starts=max(f"{self._period[:4]}-01", months[0]),
            published_as="" if status == "closed" else self._published_as(),
            currencies=tuple(sorted(digits, key=self._currency_order())),
            digits=digits,
            statements=statements,
            # Reconciliation is about the costs of today; a closed statement says nothing that can still change.
            checks=() if status == "closed" else self._checks(),
        )

    def _statements(self, first_month: str) -> tuple[Statement, ...]:
        lines = self._lines()
        digits = _digits(lines)
        centers = self._cost_centers()
        totals = self._chargeback_totals()
        trends = self._trends()
        axis = [m for m in (months_before(self._period, n) for n in reversed(range(TREND_MONTHS))) if m >= first_month]
        january = f"{self._period[:4]}-01"
        by_center: dict[str, list[Section]] = defaultdict(list)
        for center_id, currency in sorted({*lines, *trends}):
            months = trends[center_id, currency]
            section = Section(
                currency=currency,
                digits=digits.get(currency, MINOR_UNITS.get(currency, 2)),
                lines=tuple(sorted(lines.get((center_id, currency), []), key=_statement_order)),
                trend=tuple((month, months.get(month, ZERO)) for month in axis),
                year_to_date=sum_of(amount for month, amount in months.items() if month >= january),
                chargeback_total=totals.get((center_id, currency), ZERO),
            )
            _assert_ties(center_id, section, months.get(self._previous, ZERO))
            # A currency that only an earlier year used is history, not part of this statement.
            if section.lines or any(month >= january for month in months):
                by_center[center_id].append(section)
        order = self._currency_order()
        return tuple(
            Statement(
                centers.get(center_id) or _unlisted(center_id),
                tuple(sorted(sections, key=lambda section: order(section.currency))),
            )
            for center_id, sections in sorted(by_center.items())
        )

    def _lines(self) -> dict[tuple[str, str], list[Line]]:
        current = self._rows(
            f"""
            select cost_center_id, currency, kind, source, provider, service, coalesce(line_id, ''), billing_period,
                amount, coalesce(billed_amount, 0)
            from ({_POSTED}) where month = ? order by all
            """,
            self._period,
        )
        previous = {
            tuple(key): amount
            for *key, amount in self._rows(
                f"""
                select cost_center_id, currency, kind, source, provider, service, sum(amount)
                from ({_POSTED}) where month = ? group by all order by all
                """,
                self._previous,
            )
        }
        lines: dict[tuple[str, str], list[Line]] = defaultdict(list)
        for center_id, currency, kind, source, provider, service, line_id, billed_in, amount, billed in current:
            before = previous.pop((center_id, currency, kind, source, provider, service), ZERO)
            lines[center_id, currency].append(
                Line(line_id, kind, service, provider, source, billed_in, amount, before, billed)
            )
        for (center_id, currency, kind, source, provider, service), amount in previous.items():
            lines[center_id, currency].append(Line("", kind, service, provider, source, "", ZERO, amount, ZERO))
        return lines

    def _chargeback_totals(self) -> dict[tuple[str, str], Decimal]:
        rows = self._rows(
            f"select cost_center_id, currency, sum(amount) from ({_POSTED}) where month = ? group by all", self._period
        )
        return {(center_id, currency): amount for center_id, currency, amount in rows}

    def _trends(self) -> dict[tuple[str, str], dict[str, Decimal]]:
        rows = self._rows(
            f"""
            select cost_center_id, currency, month, sum(amount)
            from ({_POSTED}) where month between ? and ? group by all
            """,
            months_before(self._period, TREND_MONTHS - 1),
            self._period,
        )
        trends: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
        for center_id, currency, month, amount in rows:
            trends[center_id, currency][month] = amount
        return trends

    def _cost_centers(self) -> dict[str, CostCenter]:
        """The version in force on the last day of the period, else the nearest one before it."""
        rows = self._rows(
            """
            select cost_center_id, coalesce(nullif(name, ''), cost_center_id), coalesce(department, ''),
                coalesce(business_unit, ''), coalesce(owner, ''), coalesce(gl_account, '')
            from dim_cost_centers
            qualify row_number() over (
                partition by cost_center_id
                order by coalesce(valid_from <= $1::date, true) desc, valid_from desc nulls last
            ) = 1
            """,
            last_day(self._period),
        )
        return {row[0]: CostCenter(*map(str, row)) for row in rows}

    def _status(self) -> str:
        found = {
            s or "open" for (s,) in self._rows(f"select distinct status from ({_POSTED}) where month = ?", self._period)
        }
        return next((status for status in STATUS_LABELS if status in found), "open")

    def _currency_order(self) -> Callable[[str], tuple[bool, str]]:
        reporting = [currency for (currency,) in self._rows("select reporting_currency from publish_info")]
        return lambda currency: (currency not in reporting, currency)

    def _published_as(self) -> str:
        rows = self._rows("select run_id, cast(published_at as varchar) from publish_info order by all")
        return ", ".join(f"run {run}, published {at[:16]} UTC" for run, at in rows)

    def _checks(self) -> tuple[Check, ...]:
        rows = self._rows(
            """
            select stage, x_source, currency, metric, source_total, landed_total, ledger_total, allocated_total,
                statement_total, difference, status
            from fct_reconciliation where billing_period = ? order by all
            """,
            self._period,
        )
        return tuple(
            Check(
                stage=stage or "",
                source=source or "",
                currency=currency or "",
                metric=metric or "",
                status=status or "",
                totals=tuple(_decimal(total) for total in totals),
                difference=_decimal(gap),
            )
            for stage, source, currency, metric, *totals, gap, status in rows
        )

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._connection.execute(query, parameters).fetchall()
        return rows


def _digits(lines: dict[tuple[str, str], list[Line]]) -> dict[str, int]:
    """The minor unit, or more where lines carry more: a column of rounded figures would not add up to its total."""
    digits: dict[str, int] = {}
    for (_, currency), members in lines.items():
        needed = max(
            (_scale(amount) for line in members if line.kind != "rounding" for amount in (line.amount, line.previous)),
            default=0,
        )
        digits[currency] = max(digits.get(currency, MINOR_UNITS.get(currency, 2)), needed)
    return digits


def _scale(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _statement_order(line: Line) -> tuple[object, ...]:
    kinds = list(KIND_LABELS)
    position = kinds.index(line.kind) if line.kind in kinds else len(kinds)
    return (position, line.kind, -line.amount, -line.previous, line.service, line.provider, line.source, line.line_id)


def _assert_ties(center_id: str, section: Section, previous: Decimal) -> None:
    for what, statement, chargeback in (
        ("total", section.total, section.chargeback_total),
        ("previous total", section.previous, previous),
    ):
        if statement != chargeback:
            raise StatementError(
                f"{center_id} {section.currency}",
                f"statement {what} {statement} differs from chargeback {chargeback}",
                _KEPT,
                "Run `finops build` and `finops publish`",
            )


def _unlisted(center_id: str) -> CostCenter:
    names = {UNALLOCATED: "Unallocated", ROUNDING: "Rounding below the minor unit"}
    return CostCenter(center_id, names.get(center_id, center_id))


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
