"""What the sample company's commitments say of themselves, where their owners would look: the terms of the bill.

Google's bill tells no end and Azure's plan none; here they have one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pipelines.sample.azure_bill import commitments_of
from pipelines.sample.gcp_bill import pledges_of
from pipelines.sample.money import UNIT
from pipelines.sample.sources import Order

Row = dict[str, Any]
_MONTH_HOURS = 730


def listed_commitments(order: Order) -> dict[str, list[Row]]:
    """Rows of the `commitments` table per provider: what is active on the last day of the window."""
    return {"aws": _aws(order), "azure": _azure(order), "gcp": _gcp(order)}


def _aws(order: Order) -> list[Row]:
    rows = []
    for source in ("aws-payer", "aws-acquired"):
        payer = order.payer(source, has_extras=False)
        for plan in payer.plans:
            hourly = _money(plan.hourly)
            upfront = hourly * (plan.end - plan.start) if plan.is_upfront else Decimal(0)
            rows.append(
                _row(order, plan.arn, plan.start, plan.end)
                | {
                    "commitment_type": "savings_plan",
                    "scope": "Compute" if plan.covers == "compute" else "EC2Instance",
                    "family": None if plan.covers == "compute" else "r5",
                    "hourly_commitment": hourly,
                    "term_months": round((plan.end - plan.start) / _MONTH_HOURS),
                    "payment_option": plan.payment,
                    "upfront_cost": upfront,
                    "recurring_cost_hourly": Decimal(0) if plan.is_upfront else hourly,
                    "currency": "USD",
                }
            )
        for held in payer.reservations:
            rows.append(
                _row(order, held.arn, held.start, held.end)
                | {
                    "commitment_type": "ri",
                    "scope": "Single-AZ",
                    "region": "eu-west-1",
                    "sku": "db.m6g.2xlarge" if held.upfront else "db.r6g.xlarge",
                    "quantity": float(held.instances),
                    "term_months": 12,
                    "payment_option": "Partial Upfront" if held.upfront else "No Upfront",
                    "upfront_cost": _money(held.upfront_fee),
                    "recurring_cost_hourly": Decimal(held.recurring * held.instances) / 10**6,
                    "currency": "USD",
                }
            )
    return _active(order, rows)


def _azure(order: Order) -> list[Row]:
    rows = []
    for held in commitments_of(order.fleet("azure-ea")):
        is_plan = held.model != "Reservation"
        hourly = _money(held.hourly * held.machines)
        rows.append(
            _row(order, held.benefit, held.start, held.end)
            | {
                "commitment_type": "azure_savings_plan" if is_plan else "azure_reservation",
                "scope": "Shared",
                "account_id": held.subscription or None,
                "quantity": None if is_plan else float(held.machines),
                "hourly_commitment": hourly if is_plan else None,
                "term_months": int(held.term),
                "payment_option": "Upfront" if held.upfront else "Monthly",
                "upfront_cost": hourly * (held.end - held.start) if held.upfront else Decimal(0),
                "recurring_cost_hourly": Decimal(0) if held.upfront else hourly,
                "currency": "EUR",
            }
        )
    return _active(order, rows)


def _gcp(order: Order) -> list[Row]:
    end = order.window.end
    return [
        _row(order, pledge.subscription, end - 24 * 200, end + 24 * 165)
        | {
            "commitment_type": "cud_resource" if pledge.covers == "cpu" else "cud_spend",
            "scope": pledge.service,
            "account_id": pledge.project,
            "term_months": 12,
            "payment_option": "Monthly",
            "recurring_cost_hourly": _money(pledge.daily_fee) / 24,
            "currency": "USD",
        }
        for pledge in pledges_of(order.fleet("gcp-main"))
    ]


def _row(order: Order, commitment_id: str, start: int, end: int) -> Row:
    return {
        "day": order.window.months[-1].last_day,
        "commitment_id": commitment_id,
        "start_at": _moment(start),
        "end_at": _moment(end),
        "state": "active",
    }


def _active(order: Order, rows: list[Row]) -> list[Row]:
    """Nobody lists what has ended."""
    last = datetime.combine(order.window.months[-1].last_day, datetime.min.time())
    return [row for row in rows if row["start_at"] <= last < row["end_at"]]


def _moment(hour: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(hours=hour)


def _money(units: int) -> Decimal:
    return Decimal(units) / UNIT
