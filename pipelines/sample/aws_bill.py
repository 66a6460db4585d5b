"""One AWS bill per month: every kind of line item, before any report layout.

Every line carries its effective (amortised) cost too, so that the truth file needs no second calculation.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.sample.aws_commitments import (
    Plan,
    Reservation,
    covered_rows,
    eligible,
    negations,
    overlap,
    per_day,
    plan_price,
    plans_of,
    reservations_of,
)
from pipelines.sample.estate import derived_id
from pipelines.sample.fleet import Estate, Fleet, build_fleet, usage_of, whole_units
from pipelines.sample.money import CENT, EXACT_BELOW, QUARTER, UNIT, lump, money
from pipelines.sample.months import Month, Window

EDP_PERCENT, TAX_PERCENT = 2, 5
SUPPORT_PER_MILLE = 33
PREFIXES = {"eu-west-1": "EU-", "us-east-1": "", "eu-central-1": "EUC1-"}
MARKETPLACE = ("8f3kq2v1t9x0c7m5n4b2z6y1w", "Observal Cloud Monitoring", "Observal, Inc.")

_NUMBERS = """
tag start end quantity cost list_cost effective plan plan_effective plan_rate plan_total plan_used plan_recurring
plan_upfront reservation ri_effective ri_upfront ri_recurring ri_period_upfront ri_unused_upfront ri_unused_recurring
ri_unused_quantity ri_upfront_value ri_units
"""
_TEXTS = """
type account_id service product family usage_type operation unit region az instance_type resource_id sku rate
description tax_type bill_type billing_entity legal_entity
"""
SCHEMA: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(_NUMBERS.split(), pl.Int64),
    **dict.fromkeys(_TEXTS.split(), pl.String),
}


@dataclass(frozen=True)
class Payer:
    """One payer account with everything it bills."""

    fleet: Fleet
    static: pl.DataFrame  # text columns of each series
    plans: tuple[Plan, ...]
    reservations: tuple[Reservation, ...]
    has_extras: bool  # support, Marketplace, private discount, credits and refunds

    @property
    def payer_id(self) -> str:
        return self.fleet.estate.accounts[0].id


def build_payer(
    estate: Estate, window: Window, seed: int, rows_per_month: int, hourly_share: float, has_extras: bool
) -> Payer:
    fleet = build_fleet(estate, window, seed, rows_per_month, hourly_share)
    payer = estate.accounts[0].id
    return Payer(fleet, _series_text(fleet), plans_of(fleet, payer), reservations_of(fleet, payer), has_extras)


def monthly_bill(payer: Payer, month: Month) -> pl.DataFrame:
    """All line items of one month, one row each, in SCHEMA."""
    usage, blocks = _usage(payer, month)
    covered = usage.filter(pl.col("type") == "SavingsPlanCoveredUsage")
    blocks += [usage, negations(covered)] if covered.height else [usage]
    lines = _stack(blocks)
    if payer.has_extras:
        lines = _stack([lines, *_extras(payer, month, lines)])
    lines = _stack([lines, _tax(month, lines)])
    return lines.with_columns(
        pl.col("bill_type").fill_null("Anniversary"),
        pl.col("billing_entity").fill_null("AWS"),
        pl.col("legal_entity").fill_null("Amazon Web Services EMEA SARL"),
        pl.col("tag").fill_null(0),
    )


def _stack(blocks: list[pl.DataFrame]) -> pl.DataFrame:
    full = [
        block.select(
            pl.col(name).cast(kind) if name in block.columns else pl.lit(None, kind).alias(name)
            for name, kind in SCHEMA.items()
        )
        for block in blocks
    ]
    return pl.concat(full)


def _series_text(fleet: Fleet) -> pl.DataFrame:
    meters, accounts = fleet.estate.meters, fleet.estate.accounts
    rows = []
    for series, row in enumerate(fleet.table.iter_rows(named=True)):
        meter = meters[row["meter"]]
        usage_type = meter.name if meter.name[:3] == "EU-" else PREFIXES[row["region"]] + meter.name
        rows.append(
            {
                "account_id": accounts[row["account"]].id,
                "service": meter.service,
                "product": meter.product,
                "family": meter.family,
                "usage_type": usage_type,
                "operation": meter.operation,
                "unit": meter.unit,
                "region": row["region"],
                "az": row["region"] + "abc"[series % 3] if meter.kind == "machine" else None,
                "instance_type": meter.group or None,
                "resource_id": row["resource"],
                "sku": derived_id("sku", usage_type).replace("-", "").upper()[:16],
                "rate": meter.price,
                "description": f"${meter.price} per {meter.unit} of {usage_type}",
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _usage(payer: Payer, month: Month) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Usage lines with what covers them, and the fee lines of what covers them."""
    fleet = payer.fleet
    usage = usage_of(fleet, month)
    size = len(usage.series)
    kind = np.full(size, "Usage", dtype=object)
    plan_index, reservation_index = np.full(size, -1), np.full(size, -1)
    fees = []
    worth = usage.quantity * plan_price(fleet)[usage.series]
    for index, plan in enumerate(payer.plans):
        if not plan.start <= month.start < plan.end:
            continue
        mask = covered_rows(eligible(fleet, plan.covers)[usage.series], usage.start, worth, plan.hourly * 24)
        plan_index[mask] = index
        kind[mask] = "SavingsPlanCoveredUsage"
        fees += _plan_fees(payer, month, index, per_day(usage.start[mask], worth[mask], month))
    for index, held in enumerate(payer.reservations):
        if not held.start <= month.start < held.end:
            continue
        capacity = held.instances * 24 * 10_000  # quantities of machines have four digits
        mask = covered_rows(eligible(fleet, held.covers)[usage.series], usage.start, usage.quantity, capacity)
        reservation_index[mask] = index
        kind[mask] = "DiscountedUsage"
        fees += _reservation_fees(payer, month, index, int(usage.quantity[mask].sum()))
    planned, reserved = plan_index >= 0, reservation_index >= 0
    recurring = np.array([held.recurring for held in payer.reservations] + [0])[reservation_index] * usage.quantity
    upfront = np.array([held.upfront for held in payer.reservations] + [0])[reservation_index] * usage.quantity
    cost = np.where(reserved, 0, usage.cost)
    lines = payer.static[usage.series].with_columns(
        type=pl.Series(kind.tolist(), dtype=pl.String),
        tag=pl.Series(usage.tag),
        start=pl.Series(usage.start),
        end=pl.Series(usage.start + usage.hours),
        quantity=pl.Series(whole_units(fleet, usage, 6)),
        cost=pl.Series(cost),
        list_cost=pl.Series(usage.cost),
        effective=pl.Series(np.where(planned, worth, np.where(reserved, recurring + upfront, cost))),
        plan=_where(planned, plan_index),
        plan_effective=_where(planned, worth),
        plan_rate=_where(planned, (plan_price(fleet) * 10**fleet.quantity_digits)[usage.series]),
        reservation=_where(reserved, reservation_index),
        ri_effective=_where(reserved, recurring + upfront),
        ri_upfront=_where(reserved, upfront),
        ri_recurring=_where(reserved, recurring),
    )
    return lines, fees


def _where(mask: np.ndarray, values: np.ndarray) -> pl.Series:
    return pl.select(pl.when(pl.Series(mask)).then(pl.Series(values))).to_series()


def _plan_fees(payer: Payer, month: Month, index: int, used: np.ndarray) -> list[pl.DataFrame]:
    plan = payer.plans[index]
    text = {"account_id": payer.payer_id, "service": plan.service, "product": plan.product, "plan": index,
            "usage_type": plan.usage_type, "region": "eu-west-1", "resource_id": plan.arn, "unit": "Hrs"}  # fmt: skip
    starts = month.start + 24 * np.arange(month.days)
    daily = np.full(month.days, plan.hourly * 24)
    paid = np.zeros_like(daily) if plan.is_upfront else daily
    recurring = pl.DataFrame(
        {"start": starts, "end": starts + 24, "cost": paid, "effective": daily - used, "plan_total": daily,
         "plan_used": used, "plan_recurring": paid, "plan_upfront": daily - paid,
         "quantity": np.full(month.days, 24_000_000)}
    ).with_columns(
        type=pl.lit("SavingsPlanRecurringFee"),
        description=pl.lit(f"{plan.term} {plan.payment} {plan.offering} recurring fee"),
        **{name: pl.lit(value) for name, value in text.items()},
    )  # fmt: skip
    if not plan.is_upfront or plan.start != month.start:
        return [recurring]
    fee = plan.hourly * (plan.end - plan.start)
    upfront = text | {
        "type": "SavingsPlanUpfrontFee", "start": month.start, "end": month.start + 1, "cost": fee, "effective": 0,
        "quantity": 1_000_000, "description": f"{plan.term} {plan.payment} {plan.offering} upfront fee",
    }  # fmt: skip
    return [recurring, pl.DataFrame([upfront])]


def _reservation_fees(payer: Payer, month: Month, index: int, used_quantity: int) -> list[pl.DataFrame]:
    held = payer.reservations[index]
    meter = next(meter for meter in payer.fleet.estate.meters if meter.commitment == held.covers)
    start, end = overlap(month, held.start, held.end)
    unused = held.instances * (end - start) * 10_000 - used_quantity
    text = {"account_id": payer.payer_id, "service": meter.service, "product": meter.product, "reservation": index,
            "region": "eu-west-1", "family": meter.family, "instance_type": meter.group, "unit": "Hrs",
            "operation": meter.operation, "resource_id": held.arn, "ri_units": held.instances}  # fmt: skip
    fee = text | {
        "type": "RIFee", "usage_type": f"EU-HeavyUsage:{meter.group}", "start": start, "end": end,
        "quantity": held.instances * (end - start) * 10**6,
        "cost": held.recurring * held.instances * (end - start) * 10_000,
        "effective": (held.recurring + held.upfront) * unused,
        "ri_period_upfront": held.upfront * held.instances * (end - start) * 10_000,
        "ri_unused_upfront": held.upfront * unused, "ri_unused_recurring": held.recurring * unused,
        "ri_unused_quantity": unused * 100, "ri_upfront_value": held.upfront_fee,
        "description": f"USD hourly fee per PostgreSQL, {meter.group} instance",
    }  # fmt: skip
    if not held.upfront or held.start != month.start:
        return [pl.DataFrame([fee])]
    sign_up = text | {
        "type": "Fee", "usage_type": f"EU-HeavyUsage:{meter.group}", "start": start, "end": start + 1,
        "quantity": held.instances * 10**6, "cost": held.upfront_fee, "effective": 0,
        "description": f"Sign up charge for subscription: {held.arn.rsplit('-', 1)[-1]}",
    }  # fmt: skip
    return [pl.DataFrame([fee]), pl.DataFrame([sign_up])]


def _extras(payer: Payer, month: Month, lines: pl.DataFrame) -> list[pl.DataFrame]:
    """Support, Marketplace, the private discount, credits and refunds."""
    window, accounts = payer.fleet.window, {account.name: account.id for account in payer.fleet.estate.accounts}
    base = {"start": month.start, "end": month.end, "quantity": 1_000_000}
    usage = lines.filter(pl.col("type") == "Usage")
    discounts = (
        usage.group_by("account_id", "service", "product", maintain_order=True)
        .agg(cost=-(pl.col("cost").sum() * EDP_PERCENT // 100))
        .with_columns(
            type=pl.lit("EdpDiscount"), effective=pl.col("cost"), start=month.start, end=month.end,
            description=pl.lit("Enterprise Discount Program"), usage_type=pl.lit("EDPDiscount"),
        )
    )  # fmt: skip
    support = lump(int(lines["cost"].sum()) * SUPPORT_PER_MILLE // 1000)
    rows = [
        base | {"type": "Fee", "account_id": payer.payer_id, "service": "AWSSupportEnterprise", "cost": support,
                "product": "AWS Support (Enterprise)", "usage_type": "Dollar",
                "description": "AWS Support (Enterprise)"},
        base | {"type": "Fee", "account_id": accounts["halden-platform-shared"], "service": MARKETPLACE[0],
                "product": MARKETPLACE[1], "cost": money("2900"), "billing_entity": "AWS Marketplace",
                "legal_entity": MARKETPLACE[2], "usage_type": "Global-SoftwareUsage-Contracts",
                "description": "AWS Marketplace software usage|Observal\ncontract \"gold\", monthly"},
    ]  # fmt: skip
    position = window.months.index(month)
    if position < max(len(window.months) // 2, 1):
        rows.append(
            base | {"type": "Credit", "account_id": payer.payer_id, "service": "AmazonRedshift",
                    "product": "Amazon Redshift", "cost": money("-1500"), "usage_type": "EU-Node:ra3.4xlarge",
                    "description": "AWS Migration Acceleration Program credit"}
        )  # fmt: skip
    if position % 5 == 1:
        rows.append(
            base | {"type": "Refund", "account_id": accounts["halden-shop-prod"], "service": "AmazonS3",
                    "product": "Amazon Simple Storage Service", "cost": money("-412.37"), "bill_type": "Refund",
                    "usage_type": "EU-Requests-Tier1", "description": "Refund for S3 requests billed twice"}
        )  # fmt: skip
    return [discounts, *(pl.DataFrame([row | {"effective": row["cost"]}]) for row in rows)]


def _tax(month: Month, lines: pl.DataFrame) -> pl.DataFrame:
    """One tax line per account and product, on what the invoice shows."""
    due = pl.col("cost").sum() * TAX_PERCENT // 100
    step = pl.when(due < EXACT_BELOW).then(CENT).otherwise(QUARTER)
    return (
        lines.group_by("account_id", "service", "product", maintain_order=True)
        .agg(cost=due // step * step)
        .filter(pl.col("cost") > 0)
        .with_columns(
            type=pl.lit("Tax"), effective=pl.col("cost"), start=month.start, end=month.end, tax_type=pl.lit("VAT"),
            description=pl.lit("Tax for product code ") + pl.col("service"), quantity=pl.lit(UNIT // 10_000),
        )
    )  # fmt: skip
