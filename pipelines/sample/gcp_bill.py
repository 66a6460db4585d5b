"""Google Cloud charges per invoice month: usage with its credits, commitment fees, tax, corrections.

Cost is before credits. An invoice month is not a usage month: late rows and the first hours of a month (which are still
the month before in California) go to the neighbouring invoice.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.sample.aws_commitments import covered_rows, eligible, per_day
from pipelines.sample.estate import derived_id
from pipelines.sample.fleet import Fleet, Usage, random_for, usage_of
from pipelines.sample.money import CENT, lump, money
from pipelines.sample.months import Month

NEW_MODEL_FROM = Month(2026, 2)  # spend commitments become lower prices instead of credits
SPEND_PERCENT, RESOURCE_PERCENT, SUSTAINED_PERCENT, TAX_PERCENT = 75, 63, 12, 4
LATE_SHARE = 0.12
CREDITS = {
    "cud": ("Committed Usage Discount: CPU", "COMMITTED_USAGE_DISCOUNT"),
    "dollar": ("Committed use discount - dollar based: Cloud SQL", "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE"),
    "sustained": ("Sustained Usage Discount", "SUSTAINED_USAGE_DISCOUNT"),
    "promotion": ("Startup program 2025", "PROMOTION"),
    "offset": ("Cloud SQL commitment: fee utilization offset", "FEE_UTILIZATION_OFFSET"),
}
SCHEMA = {
    "series": pl.Int64, "start": pl.Int64, "end": pl.Int64, "quantity": pl.Int64, "price": pl.Int64,
    "list_cost": pl.Int64,
    "cost": pl.Int64, "credit": pl.Int64, "credit_kind": pl.String, "credit2": pl.Int64, "cost_type": pl.String,
    "project": pl.String, "service": pl.String, "service_id": pl.String, "sku": pl.String, "sku_id": pl.String,
    "subscription": pl.String, "adjustment": pl.String, "adjustment_mode": pl.String, "adjustment_type": pl.String,
    "consumption_model": pl.String, "tag": pl.Int64, "late": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True)
class Pledge:
    """A committed use discount, paid by the day."""

    covers: str
    sku: str
    sku_id: str
    service: str
    service_id: str
    subscription: str
    project: str
    daily_fee: int
    daily_capacity: int  # list cost that it covers per day


def pledges_of(fleet: Fleet) -> tuple[Pledge, ...]:
    search, mobile = "halden-search-prod", "halden-mobile-backend"
    meters = fleet.estate.meters
    found = []
    for covers, share, percent, sku, project in (
        ("cpu", 0.85, RESOURCE_PERCENT, "Commitment v1: Cpu in EMEA for 1 Year", search),
        ("sql", 0.95, SPEND_PERCENT, "Commitment - dollar based v1: Cloud SQL database europe-north1 1 year", mobile),
    ):
        series = eligible(fleet, covers)
        scale = 10.0 ** fleet.quantity_digits[series]
        capacity = int((fleet.daily[series] * fleet.price[series] * scale).sum() * share) // CENT * CENT
        meter = next(meter for meter in meters if meter.commitment == covers)
        found.append(
            Pledge(
                covers, sku, derived_id("sku", sku).upper()[9:23], meter.service, meter.operation,
                derived_id("subscription", sku), project, capacity * percent // 100, capacity,
            )
        )  # fmt: skip
    return tuple(found)


def usage_month(fleet: Fleet, pledges: tuple[Pledge, ...], month: Month) -> pl.DataFrame:
    """Usage, its credits and the commitment fees of one usage month; `late` says to which invoice each row moves."""
    usage = usage_of(fleet, month)
    size = len(usage.series)
    rng = random_for(fleet.seed, "gcp-late", month.period)
    cost, credit = usage.cost.copy(), np.zeros(size, dtype=np.int64)
    kind, model = np.full(size, None, dtype=object), np.full(size, None, dtype=object)
    price = fleet.price[usage.series].copy()
    fees = []
    committed = np.zeros(size, dtype=bool)
    for pledge in pledges:
        candidates = eligible(fleet, pledge.covers)[usage.series]
        committed |= candidates
        mask = covered_rows(candidates, usage.start, usage.cost, pledge.daily_capacity)
        offset = np.zeros(month.days, dtype=np.int64)
        if pledge.covers == "cpu":
            credit[mask], kind[mask] = -cost[mask], "cud"
        elif month < NEW_MODEL_FROM:
            credit[mask], kind[mask] = -cost[mask], "dollar"
        else:
            price[mask] = price[mask] * SPEND_PERCENT // 100
            cost[mask] = usage.quantity[mask] * price[mask]
            model[mask] = pledge.sku_id
            offset = -per_day(usage.start[mask], cost[mask], month)
        fees.append(_fees(pledge, month, offset))
    sustained = eligible(fleet, "sustained")[usage.series]
    credit[sustained], kind[sustained] = -(cost[sustained] * SUSTAINED_PERCENT // 100), "sustained"
    lines = _complete(
        {
            "series": usage.series,
            "start": usage.start,
            "end": usage.start + usage.hours,
            "quantity": usage.quantity * 10 ** (4 - fleet.quantity_digits[usage.series]),
            "price": price * 10 ** fleet.quantity_digits[usage.series],
            "list_cost": usage.cost,
            "cost": cost,
            "credit": credit,
            "credit_kind": pl.Series(kind.tolist(), dtype=pl.String),
            "credit2": _promotions(fleet, usage, cost, committed, month),
            "cost_type": pl.Series(["regular"] * size),
            "consumption_model": pl.Series(model.tolist(), dtype=pl.String),
            "tag": usage.tag,
            "late": _invoice_shift(usage, month, committed, rng),
        }
    )
    return pl.concat([lines, *fees])


def invoice_lines(fleet: Fleet, month: Month, lines: pl.DataFrame) -> pl.DataFrame:
    """What only an invoice has: tax, rounding, and corrections of an earlier month."""
    position = fleet.window.months.index(month)
    net = sum(int(lines[column].sum()) for column in ("cost", "credit", "credit2"))
    base = {
        "start": month.start,
        "end": month.end,
        "credit": 0,
        "credit2": 0,
        "tag": 0,
        "late": 0,
        "service": "Invoice",
    }
    rows = [
        base | {"cost": lump(net * TAX_PERCENT // 100), "cost_type": "tax", "sku": "VAT"},
        base | {"cost": 61_000_000 - position * 3_000_000, "cost_type": "rounding_error", "sku": "Rounding error"},
    ]
    if position >= 2 and position % 3 == 2:
        rows += _corrections(fleet, fleet.window.months[position - 2])
    return pl.concat([lines, *(_complete({name: [value] for name, value in row.items()}) for row in rows)])


def _complete(columns: dict[str, object]) -> pl.DataFrame:
    frame = pl.DataFrame(columns)
    return frame.select(
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name)
        for name, kind in SCHEMA.items()
    )


def _promotions(fleet: Fleet, usage: Usage, cost: np.ndarray, committed: np.ndarray, month: Month) -> np.ndarray:
    """A start-up credit that pays a tenth of some usage, in the first months only."""
    early = fleet.window.months.index(month) < max(len(fleet.window.months) // 3, 1)
    lucky = (usage.series % 5 == 0) & ~committed
    return np.where(lucky & early, -(cost // 10), 0)


def _invoice_shift(usage: Usage, month: Month, committed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """-1 previous invoice, 0 own, 1 next. Committed usage stays with its fees."""
    late = (usage.start >= month.end - 24) & (rng.random(len(usage.start)) < LATE_SHARE)
    pacific = (usage.hours == 1) & (usage.start < month.start + 7)
    return np.where(committed, 0, np.where(late, 1, np.where(pacific, -1, 0)))


def _fees(pledge: Pledge, month: Month, offset: np.ndarray) -> pl.DataFrame:
    starts = month.start + 24 * np.arange(month.days)
    fee = np.full(month.days, pledge.daily_fee)
    same = {"cost_type": "regular", "project": pledge.project, "service": pledge.service, "sku": pledge.sku,
            "service_id": pledge.service_id, "sku_id": pledge.sku_id, "subscription": pledge.subscription,
            "credit_kind": "offset"}  # fmt: skip
    return _complete(
        {"start": starts, "end": starts + 24, "cost": fee, "list_cost": fee, "credit": np.maximum(offset, -fee),
         "credit2": np.zeros_like(fee), "quantity": np.full(month.days, 240_000), "price": fee // 24,
         "tag": np.zeros_like(fee), "late": np.zeros_like(fee)}
        | {name: [value] * month.days for name, value in same.items()}
    )  # fmt: skip


def _corrections(fleet: Fleet, corrected: Month) -> list[dict[str, object]]:
    """BigQuery usage counted twice two months ago, and a goodwill credit for an outage."""
    analysis = next(meter for meter in fleet.estate.meters if meter.name.startswith("Analysis"))
    search = fleet.estate.accounts[1].id
    common = {"credit": 0, "credit2": 0, "tag": 0, "late": 0, "cost_type": "adjustment"}
    return [
        common | {
            "start": corrected.start + 24 * 11, "end": corrected.start + 24 * 12, "cost": money("-73.4406250"),
            "project": fleet.estate.accounts[0].id, "service": analysis.service, "service_id": analysis.operation,
            "sku": analysis.name, "sku_id": analysis.product, "adjustment": "Usage counted twice",
            "adjustment_mode": "PARTIAL_CORRECTION", "adjustment_type": "USAGE_CORRECTION", "quantity": -117_505,
        },
        common | {
            "start": corrected.start + 24 * 19, "end": corrected.start + 24 * 20, "cost": money("-25"),
            "project": search,
            "service": "Compute Engine", "service_id": "6F81-5844-456A", "sku": "SLA credit",
            "adjustment": "SLA credit",
            "adjustment_mode": "MANUAL_ADJUSTMENT", "adjustment_type": "SLA_VIOLATION",
        },
    ]  # fmt: skip
