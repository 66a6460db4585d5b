"""What AWS accounts have committed to, and what AWS itself recommends.

Savings plans and recommendations are asked for once per account (they have one address for all regions), reservations
per region. Least privilege: savingsplans:DescribeSavingsPlans, cost-optimization-hub:ListRecommendations,
ec2:DescribeReservedInstances, rds:DescribeReservedDBInstances.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
Client = Callable[[str], Any]
HOME = "us-east-1"  # where AWS answers for all regions
_MONTH = 730 * 3600  # seconds, as terms are whole years


def savings_plans(client: Client) -> Iterator[Row]:
    """Active and queued ones, with the commitment per hour."""
    token: Row = {}
    while True:  # botocore has no paginator for it
        page = client("savingsplans").describe_savings_plans(states=["active", "queued"], **token)
        for plan in page["savingsPlans"]:
            yield {
                "commitment_id": plan["savingsPlanArn"],
                "commitment_type": "savings_plan",
                "scope": plan["savingsPlanType"],
                "family": plan.get("ec2InstanceFamily"),
                "hourly_commitment": Decimal(plan["commitment"]),
                "term_months": round(plan["termDurationInSeconds"] / _MONTH),
                "payment_option": plan["paymentOption"],
                "start_at": _moment(plan["start"]),
                "end_at": _moment(plan["end"]),
                "upfront_cost": Decimal(plan.get("upfrontPaymentAmount") or 0),
                "recurring_cost_hourly": Decimal(plan.get("recurringPaymentAmount") or 0),
                "currency": plan["currency"],
                "state": plan["state"],
                "tags": json.dumps(plan["tags"], sort_keys=True) if plan.get("tags") else None,
            }
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}


def reservations(client: Client) -> Iterator[Row]:
    """Active and queued reservations of machines and databases of a region."""
    machines = client("ec2").describe_reserved_instances(Filters=[{"Name": "state", "Values": ["active", "queued"]}])
    for held in machines["ReservedInstances"]:
        yield _reservation(held, held["ReservedInstancesId"], held["InstanceType"], held["InstanceCount"]) | {
            "scope": held.get("Scope"),
            "offering_class": held.get("OfferingClass"),
            "start_at": _utc(held["Start"]),
            "end_at": _utc(held["End"]),
            "tags": json.dumps({tag["Key"]: tag["Value"] for tag in held.get("Tags", [])}, sort_keys=True),
        }
    for page in client("rds").get_paginator("describe_reserved_db_instances").paginate():
        for held in page["ReservedDBInstances"]:
            if held["State"] not in ("active", "queued"):
                continue
            arn, size, start = held["ReservedDBInstanceArn"], held["DBInstanceClass"], _utc(held["StartTime"])
            yield _reservation(held, arn, size, held["DBInstanceCount"]) | {
                "scope": "Multi-AZ" if held["MultiAZ"] else "Single-AZ",
                "start_at": start,
                "end_at": start + timedelta(seconds=held["Duration"]),
            }


def recommendations(client: Client) -> Iterator[Row]:
    """What the Cost Optimization Hub shows, which has those of the Compute Optimizer in it; savings after discounts."""
    pages = (
        client("cost-optimization-hub").get_paginator("list_recommendations").paginate(includeAllRecommendations=False)
    )
    for page in pages:
        for found in page["items"]:
            yield {
                "recommendation_id": found["recommendationId"],
                "origin": "cost_optimization_hub",
                "rule": found.get("currentResourceType"),
                "resource_id": found.get("resourceId") or found.get("resourceArn"),
                "account_id": found["accountId"],
                "region": found.get("region"),
                "action_type": found["actionType"],
                "current_config": json.dumps({"summary": found.get("currentResourceSummary")}),
                "recommended_config": json.dumps({"summary": found.get("recommendedResourceSummary")}),
                "monthly_savings": _money(found.get("estimatedMonthlySavings")),
                "currency": found.get("currencyCode"),
                "is_after_discounts": True,
                "effort": found.get("implementationEffort"),
                "state": "open",
                "details": json.dumps(
                    {
                        "restart_needed": found.get("restartNeeded"),
                        "rollback_possible": found.get("rollbackPossible"),
                        "lookback_days": found.get("recommendationLookbackPeriodInDays"),
                        "source": found.get("source"),
                    }
                ),
            }


def _reservation(held: Row, commitment_id: str, sku: str, quantity: int) -> Row:
    hourly = sum(
        (_money(charge.get("Amount", charge.get("RecurringChargeAmount"))) or Decimal(0))
        for charge in held.get("RecurringCharges", [])
    )
    return {
        "commitment_id": commitment_id,
        "commitment_type": "ri",
        "sku": sku,
        "family": sku.rpartition(".")[0],
        "quantity": float(quantity),
        "term_months": round(held["Duration"] / _MONTH),
        "payment_option": held["OfferingType"],
        "upfront_cost": (_money(held["FixedPrice"]) or Decimal(0)) * quantity,
        "recurring_cost_hourly": hourly * quantity,
        "currency": held["CurrencyCode"],
        "state": held["State"],
    }  # fmt: skip


def _money(number: float | None) -> Decimal | None:
    """AWS answers these amounts as JSON or XML numbers; their shortest text is what was sent."""
    return None if number is None else Decimal(str(number)).quantize(Decimal("1e-12"))


def _moment(text: str) -> datetime:
    return _utc(datetime.fromisoformat(text))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
