"""Reads what the statements of a period say from the published marts, and checks every total against the database."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from pipelines.outputs.statement_model import (
    KIND_LABELS,
    MINOR_UNITS,
    NOT_WRITTEN,
    ROUNDING,
    STATUS_LABELS,
    TREND_MONTHS,
    UNALLOCATED,
    ZERO,
    Check,
    CostCenter,
    Driver,
    Line,
    MissingPeriodError,
    Section,
    Showback,
    Statement,
    StatementError,
    sum_of,
)
from pipelines.outputs.statement_periods import periods_before


def read_showback(marts: Path, period: str, *, is_estimate: bool = False) -> Showback:
    """Read one period of a published marts.duckdb. Every total is checked against the database's own sum.

    An estimate is the open period so far, with its charges by day.
    """
    if not marts.is_file():
        raise StatementError(str(marts), "there are no published marts", NOT_WRITTEN, "Run `finops run`")
    with duckdb.connect(str(marts), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        try:
            return _Reader(connection, period).showback(marts, is_estimate)
        except duckdb.CatalogException as missing:
            what = f"were published by an older version ({str(missing).splitlines()[0]})"
            raise StatementError(str(marts), what, NOT_WRITTEN, "Run `finops build` and `finops publish`") from missing


# A closed month's figures may not depend on what was posted after it: only months up to the period are ever read, and
# of them only what had been posted when it closed.
_POSTED = """
    select
        coalesce(nullif(posting_period, ''), billing_period) as month,
        coalesce(cost_center_id, '~unallocated') as cost_center_id,
        currency,
        coalesce(kind, 'direct') as kind,
        coalesce(x_source, '') as source,
        coalesce(provider, '') as provider,
        coalesce(nullif(service_name, ''), '(no service)') as service,
        line_id, billing_period, amount, billed_amount, status, revision
    from fct_chargeback
    where kind <> 'fx'  -- has no amount in its currency; the journal books it in the reporting currency
"""
_KNOWN_AT_CLOSE = """
    status = 'closed' and (month, revision) in (
        select (billing_period, revision) from fct_closed_statements where sequence <= (
            select max(sequence) from fct_closed_statements where billing_period = '{period}' and event = 'close'))
"""


class _Reader:
    def __init__(self, connection: duckdb.DuckDBPyConnection, period: str) -> None:
        self._connection = connection
        self._period = period
        self._previous = periods_before(period, 1)
        self._history = "true"  # which earlier postings count

    def showback(self, marts: Path, is_estimate: bool) -> Showback:
        months = [month for (month,) in self._rows(f"select distinct month from ({_POSTED}) order by 1")]
        if self._period not in months:
            held = f"it holds {months[0]} to {months[-1]}" if months else "it holds no period at all"
            raise MissingPeriodError(
                str(marts),
                f"no chargeback lines for {self._period}; {held}",
                NOT_WRITTEN,
                f"Run `finops run --period {self._period}`",
            )
        status = self._status()
        if is_estimate and status == "closed":
            what, fix = (
                f"{self._period} is closed, so there is nothing to estimate",
                f"Run `finops showback {self._period}`",
            )
            raise StatementError("showback", what, NOT_WRITTEN, fix)
        if status == "closed":
            self._history = _KNOWN_AT_CLOSE.format(period=self._period)
        first_month = self._rows(f"select min(month) from ({_POSTED}) where {self._history}")[0][0]
        days = self._days() if is_estimate else {}
        statements = self._statements(first_month=first_month, days=days)
        digits = {section.currency: section.digits for statement in statements for section in statement.sections}
        return Showback(
            period=self._period,
            status=status,
            year_starts=max(f"{self._period[:4]}-01", first_month),
            published_as="" if status == "closed" else self._published_as(),
            currencies=tuple(sorted(digits, key=self._currency_order())),
            digits=digits,
            statements=statements,
            # Reconciliation is about the costs of today; a closed statement says nothing that can still change.
            checks=() if status == "closed" else self._checks(),
            estimated_to=max(day for section in days.values() for day in section) if days else None,
        )

    def _statements(self, first_month: str, days: dict[tuple[str, str], dict[date, Decimal]]) -> tuple[Statement, ...]:
        lines = self._lines()
        drivers = self._drivers()
        digits = _digits(lines)
        centers = self._cost_centers()
        totals = self._chargeback_totals()
        trends = self._trends()
        axis = [m for m in (periods_before(self._period, n) for n in reversed(range(TREND_MONTHS))) if m >= first_month]
        january = f"{self._period[:4]}-01"
        by_center: dict[str, list[Section]] = defaultdict(list)
        for center_id, currency in sorted({*lines, *trends}):
            kinds = trends[center_id, currency]
            months = {month: sum_of(amounts.values()) for month, amounts in kinds.items()}
            section = Section(
                currency=currency,
                digits=digits.get(currency, MINOR_UNITS.get(currency, 2)),
                lines=tuple(sorted(lines.get((center_id, currency), []), key=_statement_order)),
                trend=tuple((month, months.get(month, ZERO)) for month in axis),
                year_to_date=sum_of(amount for month, amount in months.items() if month >= january),
                chargeback_total=totals.get((center_id, currency), ZERO),
                trend_by_kind=tuple((month, kinds.get(month, {})) for month in axis),
                drivers=tuple(drivers.get((center_id, currency), [])),
                days=tuple(sorted(days.get((center_id, currency), {}).items())),
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
                from ({_POSTED}) where month = ? and {self._history} group by all order by all
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
        self._fill_posted_before(lines)
        for (center_id, currency, kind, source, provider, service), amount in previous.items():
            lines[center_id, currency].append(Line("", kind, service, provider, source, "", ZERO, amount, ZERO))
        return lines

    def _fill_posted_before(self, lines: dict[tuple[str, str], list[Line]]) -> None:
        posted = {
            tuple(key): amount
            for *key, amount in self._rows(
                f"""
                select cost_center_id, currency, source, provider, service, billing_period, sum(amount)
                from ({_POSTED}) where month < ? and {self._history} group by all
                """,
                self._period,
            )
        }
        for (center_id, currency), members in lines.items():
            for position, line in enumerate(members):
                if line.kind == "adjustment":
                    key = (center_id, currency, line.source, line.provider, line.service, line.billing_period)
                    members[position] = replace(line, posted_before=posted.get(key, ZERO))

    def _drivers(self) -> dict[tuple[str, str], list[Driver]]:
        rows = self._rows(
            """
            select cost_center_id, currency, method, rule_id, coalesce(rule_version, ''),
                coalesce(unallocated_reason, ''), coalesce(driver, ''), is_fallback, driver_value, driver_total, share,
                rule_cost, allocated_cost
            from fct_statement_drivers where billing_period = ?
            order by abs(allocated_cost) desc, method, rule_id, rule_version, unallocated_reason
            """,
            self._period,
        )
        drivers: dict[tuple[str, str], list[Driver]] = defaultdict(list)
        for center_id, currency, *values in rows:
            drivers[center_id, currency].append(Driver(*values))
        return drivers

    def _days(self) -> dict[tuple[str, str], dict[date, Decimal]]:
        rows = self._rows(
            """
            select cost_center_id, currency, charge_date, sum(allocated_cost)
            from fct_allocated_costs where billing_period = ? group by all
            """,
            self._period,
        )
        days: dict[tuple[str, str], dict[date, Decimal]] = defaultdict(dict)
        for center_id, currency, day, amount in rows:
            days[center_id, currency][day] = amount
        return days

    def _chargeback_totals(self) -> dict[tuple[str, str], Decimal]:
        rows = self._rows(
            f"select cost_center_id, currency, sum(amount) from ({_POSTED}) where month = ? group by all", self._period
        )
        return {(center_id, currency): amount for center_id, currency, amount in rows}

    def _trends(self) -> dict[tuple[str, str], dict[str, dict[str, Decimal]]]:
        """Amounts by cost centre and currency, then month, then kind."""
        rows = self._rows(
            f"""
            select cost_center_id, currency, month, kind, sum(amount)
            from ({_POSTED}) where month between ? and ? and {self._history} group by all order by all
            """,
            periods_before(self._period, TREND_MONTHS - 1),
            self._period,
        )
        trends: dict[tuple[str, str], dict[str, dict[str, Decimal]]] = defaultdict(lambda: defaultdict(dict))
        for center_id, currency, month, kind, amount in rows:
            trends[center_id, currency][month][kind] = amount
        return trends

    def _cost_centers(self) -> dict[str, CostCenter]:
        rows = self._rows(
            """
            select cost_center_id, coalesce(nullif(name, ''), cost_center_id), coalesce(department, ''),
                coalesce(business_unit, ''), coalesce(owner, ''), coalesce(gl_account, '')
            from dim_statement_cost_centers where billing_period = ?
            """,
            self._period,
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
                NOT_WRITTEN,
                "Run `finops build` and `finops publish`",
            )


def _unlisted(center_id: str) -> CostCenter:
    names = {UNALLOCATED: "Unallocated", ROUNDING: "Rounding below the minor unit"}
    return CostCenter(center_id, names.get(center_id, center_id))


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
