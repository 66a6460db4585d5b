"""What a statement says: one `Showback` per period, money as Decimal throughout; statement_reader reads it.

A line belongs to the period it was POSTED in. An adjustment to a closed month therefore appears on the statement of the
month that posts it, and the statement of the closed month never changes. Currencies are never added to each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from pipelines.errors import FinopsError
from pipelines.outputs.statement_periods import period_name, periods_before

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
NOT_WRITTEN = "Nothing was written; earlier statements are as they were"


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
    posted_before: Decimal = ZERO  # of an adjustment: what earlier statements charged for the same

    @property
    def kind_label(self) -> str:
        return KIND_LABELS.get(self.kind, self.kind)

    @property
    def is_shared(self) -> bool:
        return self.kind == "shared"


@dataclass(frozen=True)
class Driver:
    """A rule or pool that gave the cost centre money, and what divided it. Quantities are in the driver's unit."""

    method: str
    rule_id: str
    rule_version: str
    reason: str  # why it is unallocated; empty for what is allocated
    driver: str
    is_fallback: bool
    driver_value: Decimal | None
    driver_total: Decimal | None
    share: Decimal | None
    rule_cost: Decimal | None
    amount: Decimal  # exact, before cents


@dataclass(frozen=True)
class Section:
    """One cost centre in one currency."""

    currency: str
    digits: int
    lines: tuple[Line, ...]
    trend: tuple[tuple[str, Decimal], ...]  # (month, amount), oldest first, ending with the period
    year_to_date: Decimal
    chargeback_total: Decimal  # summed by the database, not from `lines`
    trend_by_kind: tuple[tuple[str, dict[str, Decimal]], ...] = ()  # the same months, kind by kind
    drivers: tuple[Driver, ...] = ()  # of the period's own charges; empty where a closed month kept none
    days: tuple[tuple[date, Decimal], ...] = ()  # of an estimate: the period's own charges by day, exact

    @property
    def adjustments(self) -> list[Line]:
        """Lines for earlier periods, posted in this one."""
        return [line for line in self.lines if line.kind == "adjustment"]

    def by_week(self) -> list[tuple[str, int, Decimal]]:
        """An estimate's weeks (Monday to Sunday, cut at the month's ends): name, days with charges, amount."""
        weeks: dict[str, list[Decimal]] = {}
        for day, amount in self.days:
            starts = max(day - timedelta(days=day.weekday()), day.replace(day=1))
            weeks.setdefault(f"{day:%G-W%V}, from {starts.day} {period_name(f'{day:%Y-%m}')}", []).append(amount)
        return [(name, len(amounts), sum_of(amounts)) for name, amounts in weeks.items()]

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
    estimated_to: date | None = None  # of an estimate: the last day with charges

    @property
    def issued(self) -> list[Statement]:
        return [statement for statement in self.statements if statement.is_issued]

    @property
    def previous_period(self) -> str:
        return periods_before(self.period, 1)

    @property
    def status_label(self) -> str:
        if self.estimated_to is not None:
            return f"ESTIMATE — charges up to {period_name(self.estimated_to.isoformat())}, not for booking"
        return STATUS_LABELS[self.status]

    @property
    def is_estimate(self) -> bool:
        return self.estimated_to is not None

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


def sum_of(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def rounded(amount: Decimal, digits: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-digits)) + ZERO  # + 0 turns -0.00 into 0.00


def change_ratio(amount: Decimal, previous: Decimal) -> Decimal | None:
    """None where a percentage would mean nothing: there was nothing before."""
    return (amount - previous) / abs(previous) if previous else None
