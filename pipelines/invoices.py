"""What the warehouse says of invoices: those that the ledger does not explain stop the build, missing ones a close."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import duckdb

from pipelines.errors import InvoiceError
from pipelines.outputs.statement_model import MINOR_UNITS
from pipelines.outputs.statement_periods import last_day
from pipelines.outputs.statement_text import money_text, plain_decimal
from pipelines.settings import Workspace

_UNEXPLAINED = """
select x_source, billing_period, invoice_id, seller, currency, invoice_total, ledger_total, unexplained, tolerance,
    charges_total = 0 as has_no_charges
from fct_invoice_reconciliation where status = 'unexplained' order by x_source, billing_period, invoice_id
"""
_MISSING = """
select x_source, invoice_id, seller, charge_currency, charges_total + coalesce(marketplace_difference, 0)
from fct_invoice_reconciliation where billing_period = ? and status = 'missing' order by all
"""


def check_invoices(workspace: Workspace) -> None:
    """Raise InvoiceError naming every invoice with an unexplained rest above its tolerance."""
    bills = {source.name for source in workspace.bills}
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        rows = con.execute(_UNEXPLAINED).fetchall()
    problems = []
    for bill, period, invoice, seller, currency, total, ledger, rest, tolerance, has_no_charges in rows:
        why = ""
        if bill not in bills:
            why = f"; finops.toml has no bill named '{bill}'"
        elif has_no_charges:
            why = "; no charge of that month names it" + (f" or the seller '{seller}'" if seller else "")
        problems.append(
            f"{bill} {period}, invoice {invoice}: asks for {_amount(total)} {currency}, ledger and named differences "
            f"explain {_amount(total - rest)} (charges {_amount(ledger)}); {_amount(rest)} is unexplained, "
            f"tolerance {_amount(tolerance)}{why}"
        )
    if problems:
        shown = "\n  ".join(problems[:10]) + (f"\n  … and {len(problems) - 10} more" if len(problems) > 10 else "")
        raise InvoiceError(
            "invoices",
            f"{len(problems)} do not tie to the ledger:\n  {shown}\n",
            "Published marts are untouched",
            "Land the bill or the invoice again if one is old (`finops land`), give lines their category, or accept a "
            "rest in decisions/invoice_tolerances.csv; then run `finops build`",
        )


def missing_invoices(con: duckdb.DuckDBPyConnection, period: str) -> list[str]:
    """Sentences: charges of a month whose bills are invoiced, and whose invoice has not landed."""
    return [
        f"{bill}: no invoice of {seller or 'the provider'} for {_shown(amount, currency)}"
        + ("" if invoice == "~missing" else f" (charges name {invoice})")
        for bill, invoice, seller, currency, amount in con.execute(_MISSING, [period]).fetchall()
        if amount
    ]


def awaited_invoices(con: duckdb.DuckDBPyConnection, today: date) -> list[str]:
    """Sentences: what is missing of months that are over at `today`, by month; what keeps each of them from closing."""
    months = con.execute(
        "select distinct billing_period from fct_invoice_reconciliation where status = 'missing' order by 1"
    ).fetchall()
    over = [period for (period,) in months if last_day(period) < today]
    return [f"{period}  {sentence}" for period in over for sentence in missing_invoices(con, period)]


def _amount(value: Decimal) -> str:
    return plain_decimal(value, 2)


def _shown(amount: Decimal, currency: str) -> str:
    return f"{money_text(amount, MINOR_UNITS.get(currency, 2))} {currency}"
