"""The invoices of the sample company, with what makes real ones differ from bills, and the truth about each.

Amazon's bill of one payer names its invoices, a marketplace seller sends his own; Microsoft's has VAT that no export
shows, and one month it comes in dollars at a rate of its own; Google bills a charge of one month with the next. Lines
are rounded to cents. The newest month has not been invoiced yet, but for the seller who asks in advance.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from pipelines.sample.aws_bill import MARKETPLACE
from pipelines.sample.months import Month, Window
from pipelines.sample.truth import Total

HEADER = ("bill", "billing_period", "invoice_id", "issued_on", "due_on", "seller", "line_number", "category",
          "description", "amount", "currency", "charge_period", "charge_currency", "exchange_rate")  # fmt: skip
VAT_PERCENT = Decimal(19)
INVOICE_RATE = Decimal("1.0900")  # dollars per euro, as one invoice states it
LATE = Decimal("41.87")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Line:
    category: str
    description: str
    amount: Decimal  # in the invoice's currency, whole cents
    charge_period: str = ""


@dataclass(frozen=True)
class Invoice:
    bill: str
    period: str
    invoice_id: str
    currency: str
    lines: tuple[Line, ...]
    has_lines: bool  # or its total alone
    charges: Decimal  # billed cost that belongs to it, in charge_currency
    charge_currency: str
    seller: str = ""
    rate: Decimal | None = None
    differences: Mapping[str, Decimal] = field(default_factory=dict)  # tax, marketplace, late, fx

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))

    def rows(self) -> Iterator[Sequence[object]]:
        year, month = int(self.period[:4]), int(self.period[5:])
        issued = Month(year, month).last_day + timedelta(days=3)
        head = (self.bill, self.period, self.invoice_id, issued, issued + timedelta(days=30), self.seller)
        tail = (self.charge_currency if self.rate else "", self.rate or "")
        yield (*head, "", "", "", self.total, self.currency, "", *tail)
        for number, line in enumerate(self.lines if self.has_lines else (), start=1):
            yield (
                *head,
                number,
                line.category,
                line.description,
                line.amount,
                self.currency,
                line.charge_period,
                *tail,
            )

    def as_json(self, decided_rate: Decimal) -> dict[str, object]:
        """What a reconciliation must find; the rest is the rounding of its lines to cents."""
        named = dict(self.differences)
        if self.rate:
            named["fx"] = self.charges * (self.rate - decided_rate)
        ledger = self.charges * (decided_rate if self.rate else 1)
        named["rounding"] = self.total - ledger - sum(named.values(), Decimal(0))
        return {
            "bill": self.bill, "billing_period": self.period, "invoice_id": self.invoice_id,
            "seller": self.seller or None, "currency": self.currency, "charges_total": f"{self.charges:f}",
            "ledger_total": f"{ledger:f}", "invoice_total": f"{self.total:f}",
            **{f"{name}_difference": f"{value:f}" for name, value in named.items()},
        }  # fmt: skip


def invoices_of(window: Window, totals: Sequence[Total]) -> list[Invoice]:
    """Every invoice of the window, from the generator's own totals."""
    found = []
    for total in totals:
        position = [month.period for month in window.months].index(total.period)
        if total.period != window.months[-1].period:
            found += _closed(total, position, len(window.months))
        elif total.source == "aws-payer":
            found.append(_of_seller(total, MARKETPLACE[2], total.sellers[MARKETPLACE[2]], named_by_id=False))
    return found


def _closed(total: Total, position: int, months: int) -> list[Invoice]:
    named_by_id = bool(total.invoice_id)
    sold = sum(total.sellers.values(), Decimal(0))
    has_story = months >= 4
    in_dollars = total.currency == "EUR" and position == 1 and has_story
    rate = INVOICE_RATE if in_dollars else None
    own = sum((amount for _, _, amount in total.parts), Decimal(0))
    lines = [Line(kind, name, _cents(amount * (rate or 1))) for kind, name, amount in total.parts]
    if total.source == "aws-acquired":
        lines = [Line("usage", "Total", _cents(own))]
    differences: dict[str, Decimal] = {}
    if total.currency == "EUR":
        tax = _cents(sum((line.amount for line in lines), Decimal(0)) * VAT_PERCENT / 100)
        lines.append(Line("tax", f"VAT {VAT_PERCENT} %", tax))
        differences["tax"] = tax
    if named_by_id and sold:
        differences["marketplace"] = -sold
    if total.source == "gcp-main" and has_story and position in (0, 1):
        largest = max(range(len(lines)), key=lambda index: lines[index].amount)
        if position == 0:
            line = lines[largest]
            lines[largest] = Line(line.category, line.description, line.amount - LATE)
            differences["late"] = -LATE
        else:
            month = Month.parse(total.period).plus(-1).period
            lines.append(Line("late", f"{lines[largest].description}, {month}", LATE, month))
            differences["late"] = LATE
    main = Invoice(
        total.source, total.period, total.invoice_id or f"{total.source.upper()}-{total.period}",
        "USD" if in_dollars else total.currency, tuple(lines), total.source != "aws-acquired",
        own + (sold if named_by_id else 0), total.currency, rate=rate, differences=differences,
    )  # fmt: skip
    return [main, *(_of_seller(total, name, amount, named_by_id) for name, amount in total.sellers.items())]


def _of_seller(total: Total, seller: str, amount: Decimal, named_by_id: bool) -> Invoice:
    """What a marketplace seller asks for; no charges are left for it where they name the provider's invoice."""
    return Invoice(
        total.source, total.period, f"{seller.split()[0].upper().strip(',')}-{total.period}", total.currency,
        (Line("marketplace", f"Subscription {total.period}", _cents(amount)),), True,
        Decimal(0) if named_by_id else amount, total.currency, seller,
        differences={"marketplace": amount} if named_by_id else {},
    )  # fmt: skip


def write_invoices(folder: Path, invoices: Sequence[Invoice]) -> None:
    """One CSV per month: invoices-2026-10.csv."""
    folder.mkdir(parents=True)
    for period in sorted({invoice.period for invoice in invoices}):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADER)
        for invoice in invoices:
            if invoice.period == period:
                writer.writerows(invoice.rows())
        (folder / f"invoices-{period}.csv").write_text(text.getvalue(), encoding="utf-8")


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)
