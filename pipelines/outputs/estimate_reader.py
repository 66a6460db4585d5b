"""A week or a day as statements of its own: estimates from allocated costs, which are never posted and never closed.

Whole cents by largest remainder within each cost centre; what is smaller is the line of ~rounding, as in a month.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

import duckdb

from pipelines.explain import STATEMENT_KIND
from pipelines.outputs.statement_model import (
    MINOR_UNITS,
    NOT_WRITTEN,
    ROUNDING,
    TREND_MONTHS,
    ZERO,
    CostCenter,
    Driver,
    Line,
    MissingPeriodError,
    Section,
    Showback,
    Statement,
    StatementError,
    rounded,
    sum_of,
)
from pipelines.outputs.statement_periods import first_day, last_day, period_of, periods_before

_Place = tuple[str, str, str, str]  # kind, source, provider, service
_Key = tuple[str, str]  # cost centre, currency
_COSTS = f"""
    select charge_date, cost_center_id, currency, {STATEMENT_KIND} as kind, x_source, provider, service_name, method,
        rule_id, coalesce(rule_version, '') as rule_version, coalesce(unallocated_reason, '') as reason,
        allocated_cost, allocated_billed_cost
    from fct_allocated_costs
"""


def read_estimate(marts: Path, period: str) -> Showback:
    """What a week or a day of the published marts.duckdb costs each cost centre, as rules say today.

    The period before it of the same kind stands beside it; year to date is from January to its last day.
    """
    if not marts.is_file():
        raise StatementError(str(marts), "there are no published marts", NOT_WRITTEN, "Run `finops run`")
    with duckdb.connect(str(marts), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        return _Reader(con, period).showback(marts)


class _Reader:
    def __init__(self, con: duckdb.DuckDBPyConnection, period: str) -> None:
        self._con = con
        self._period = period
        self._first, self._last = first_day(period), last_day(period)
        self._axis: list[str] = []  # this period and those before it, as far as charges reach

    def showback(self, marts: Path) -> Showback:
        [(oldest, newest, last)] = self._rows(
            "select min(charge_date), max(charge_date), max(charge_date) filter (where charge_date between ? and ?) "
            "from fct_allocated_costs",
            self._first,
            self._last,
        )
        if last is None:
            held = f"they are of {oldest} to {newest}" if oldest else "there are none at all"
            what, fix = f"no charges in {self._period}; {held}", "Name a week or day with charges, or run `finops run`"
            raise MissingPeriodError(str(marts), what, NOT_WRITTEN, fix)
        self._axis = [
            before
            for before in (periods_before(self._period, count) for count in reversed(range(TREND_MONTHS)))
            if last_day(before) >= oldest
        ]
        january = max(date(self._last.year, 1, 1), oldest)
        statements = self._statements(january)
        [(reporting, run_id, published_at)] = self._rows(
            "select reporting_currency, run_id, cast(published_at as varchar) from publish_info"
        )
        currencies = {section.currency for statement in statements for section in statement.sections}
        return Showback(
            period=self._period,
            status="open",
            year_starts=f"{january:%Y-%m}",
            published_as=f"run {run_id}, published {published_at[:16]} UTC",
            currencies=tuple(sorted(currencies, key=lambda currency: (currency != reporting, currency))),
            digits={currency: MINOR_UNITS.get(currency, 2) for currency in currencies},
            statements=statements,
            checks=(),  # reconciliation is of months
            estimated_to=last,
        )

    def _statements(self, january: date) -> tuple[Statement, ...]:
        now, before = self._amounts(self._period), self._amounts(periods_before(self._period, 1))
        trends, years = self._trends(), self._sums(january)
        days, drivers, centers = self._days(), self._drivers(), self._cost_centers()
        sections: dict[str, list[Section]] = defaultdict(list)
        rest: dict[_Key, Decimal] = defaultdict(Decimal)  # by source and currency
        exact: dict[str, Decimal] = defaultdict(Decimal)
        for center, currency in sorted(now.keys() | before.keys()):
            digits = MINOR_UNITS.get(currency, 2)
            mine, earlier = now.get((center, currency), {}), before.get((center, currency), {})
            whole = _whole({place: amount for place, (amount, _) in mine.items()}, digits)
            previous = _whole({place: amount for place, (amount, _) in earlier.items()}, digits)
            for place, (amount, _) in mine.items():
                rest[place[1], currency] += amount - whole[place]
                exact[currency] += amount
            section = Section(
                currency=currency,
                digits=digits,
                lines=tuple(self._lines(center, whole, previous, mine, digits)),
                trend=tuple((month, rounded(sum_of(k.values()), digits)) for month, k in trends[center, currency]),
                year_to_date=rounded(years.get((center, currency), ZERO), digits),
                chargeback_total=rounded(sum_of(amount for amount, _ in mine.values()), digits),
                trend_by_kind=tuple(
                    (name, {kind: rounded(amount, digits) for kind, amount in kinds.items()})
                    for name, kinds in trends[center, currency]
                ),
                drivers=tuple(drivers.get((center, currency), [])),
                days=tuple(days.get((center, currency), [])),
            )
            sections[center].append(section)
        for section in self._rounding(rest):
            sections[ROUNDING].append(section)
        self._assert_ties(sections)
        return tuple(
            Statement(centers.get(center) or CostCenter(center, center), tuple(found))
            for center, found in sorted(sections.items())
        )

    def _lines(
        self,
        center: str,
        whole: dict[_Place, Decimal],
        previous: dict[_Place, Decimal],
        mine: dict[_Place, tuple[Decimal, Decimal]],
        digits: int,
    ) -> Iterable[Line]:
        reference = f"{center}/{self._period}"  # finops explain takes it
        order = sorted(whole.keys() | previous.keys(), key=lambda p: (p[0], -whole.get(p, ZERO), p))
        for kind, source, provider, service in order:
            place = (kind, source, provider, service)
            billed = rounded(mine[place][1], digits) if place in mine else ZERO
            line_id = reference if place in mine else ""
            before = previous.get(place, ZERO)
            yield Line(line_id, kind, service, provider, source, self._period, whole.get(place, ZERO), before, billed)

    def _rounding(self, rest: dict[_Key, Decimal]) -> Iterable[Section]:
        for currency in sorted({currency for _, currency in rest}):
            lines = tuple(
                Line(f"{ROUNDING}/{self._period}", "rounding", "Rounding", "", source, self._period, left, ZERO, ZERO)
                for (source, of), left in sorted(rest.items())
                if of == currency and left
            )
            total = sum_of(line.amount for line in lines)
            digits = MINOR_UNITS.get(currency, 2)
            trend = tuple((name, total if name == self._period else ZERO) for name in self._axis)
            yield Section(currency, digits, lines, trend, total, total, tuple((name, {}) for name, _ in trend))

    def _assert_ties(self, sections: dict[str, list[Section]]) -> None:
        """All statements together are the database's own sum, to the last decimal."""
        stated: dict[str, Decimal] = defaultdict(Decimal)
        for found in sections.values():
            for section in found:
                stated[section.currency] += section.total
        sums = self._rows(
            "select currency, sum(allocated_cost) from fct_allocated_costs where charge_date between ? and ? "
            "group by currency",
            self._first,
            self._last,
        )
        for currency, total in sums:
            if stated.get(currency, ZERO) != total:
                what = f"{self._period} in {currency}: statements say {stated.get(currency, ZERO)}, allocation {total}"
                raise StatementError("statements", what, NOT_WRITTEN, "Run `finops build` and `finops publish`")

    def _amounts(self, period: str) -> dict[_Key, dict[_Place, tuple[Decimal, Decimal]]]:
        rows = self._rows(
            f"select cost_center_id, currency, kind, x_source, provider, service_name, sum(allocated_cost), "
            f"sum(allocated_billed_cost) from ({_COSTS}) where charge_date between ? and ? group by all order by all",
            first_day(period),
            last_day(period),
        )
        found: dict[_Key, dict[_Place, tuple[Decimal, Decimal]]] = defaultdict(dict)
        for center, currency, kind, source, provider, service, amount, billed in rows:
            found[center, currency][kind, source, provider, service] = (amount, billed)
        return found

    def _trends(self) -> dict[_Key, list[tuple[str, dict[str, Decimal]]]]:
        """Amounts of this and the periods before it, kind by kind."""
        axis = self._axis
        rows = self._rows(
            f"select cost_center_id, currency, charge_date, kind, sum(allocated_cost) from ({_COSTS}) "
            "where charge_date between ? and ? group by all",
            first_day(axis[0]),
            self._last,
        )
        found: dict[_Key, dict[str, dict[str, Decimal]]] = defaultdict(lambda: {name: {} for name in axis})
        for center, currency, day, kind, amount in rows:
            kinds = found[center, currency][period_of(day, self._period)]
            kinds[kind] = kinds.get(kind, ZERO) + amount
        return defaultdict(
            lambda: [(name, {}) for name in axis], {key: list(names.items()) for key, names in found.items()}
        )

    def _sums(self, since: date) -> dict[_Key, Decimal]:
        rows = self._rows(
            "select cost_center_id, currency, sum(allocated_cost) from fct_allocated_costs "
            "where charge_date between ? and ? group by all",
            since,
            self._last,
        )
        return {(center, currency): amount for center, currency, amount in rows}

    def _days(self) -> dict[_Key, list[tuple[date, Decimal]]]:
        rows = self._rows(
            "select cost_center_id, currency, charge_date, sum(allocated_cost) from fct_allocated_costs "
            "where charge_date between ? and ? group by all order by charge_date",
            self._first,
            self._last,
        )
        days: dict[_Key, list[tuple[date, Decimal]]] = defaultdict(list)
        for center, currency, day, amount in rows:
            days[center, currency].append((day, amount))
        return days

    def _drivers(self) -> dict[_Key, list[Driver]]:
        """The rules and pools; what divided them is measured by the month and stands on the month's statement."""
        rows = self._rows(
            "select cost_center_id, currency, method, rule_id, rule_version, reason, sum(allocated_cost) as amount, "
            "sum(sum(allocated_cost)) over (partition by currency, rule_id, rule_version) as rule_cost "
            f"from ({_COSTS}) where charge_date between ? and ? "
            "group by cost_center_id, currency, method, rule_id, rule_version, reason "
            "order by abs(amount) desc, method, rule_id, rule_version, reason",
            self._first,
            self._last,
        )
        drivers: dict[_Key, list[Driver]] = defaultdict(list)
        for center, currency, method, rule, version, reason, amount, cost in rows:
            drivers[center, currency].append(
                Driver(method, rule, version, reason, "", False, None, None, None, cost, amount)
            )
        return drivers

    def _cost_centers(self) -> dict[str, CostCenter]:
        rows = self._rows(
            """
            select cost_center_id, coalesce(nullif(name, ''), cost_center_id), coalesce(department, ''),
                coalesce(business_unit, ''), coalesce(owner, ''), coalesce(gl_account, '')
            from dim_statement_cost_centers
            where billing_period <= ?
            qualify row_number() over (partition by cost_center_id order by billing_period desc) = 1
            """,
            f"{self._last:%Y-%m}",
        )
        return {row[0]: CostCenter(*map(str, row)) for row in rows}

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._con.execute(query, parameters).fetchall()
        return rows


def _whole(amounts: dict[_Place, Decimal], digits: int) -> dict[_Place, Decimal]:
    """Amounts in whole minor units that sum to their rounded sum; ties go to the larger amount, then by name."""
    unit = Decimal(1).scaleb(-digits)
    whole = {place: amount.quantize(unit, ROUND_FLOOR) for place, amount in amounts.items()}
    left = int((rounded(sum_of(amounts.values()), digits) - sum_of(whole.values())) / unit)
    order = sorted(amounts, key=lambda place: (whole[place] - amounts[place], -abs(amounts[place]), place))
    for place in order[:left]:
        whole[place] += unit
    return whole
