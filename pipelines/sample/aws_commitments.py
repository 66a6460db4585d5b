"""Savings Plans and reserved instances of an AWS payer: which usage they cover, what they cost, what goes unused."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from pipelines.sample.estate import derived_id
from pipelines.sample.fleet import Fleet
from pipelines.sample.money import EXACT_BELOW, UNIT
from pipelines.sample.months import Month, hour_of

PLAN_RATE_PERCENT = 72  # a Savings Plan sells usage at 72 % of its on-demand price
RESERVED_RECURRING_PERCENT, RESERVED_UPFRONT_PERCENT = 40, 24
YEAR_HOURS = 8760
UPFRONT_STEP = 12_500  # 0.0125 per hour makes a year of hours whole quarters, which a DOUBLE holds exactly


@dataclass(frozen=True)
class Plan:
    arn: str
    covers: str  # the meters' commitment kind
    service: str
    product: str
    usage_type: str
    offering: str
    payment: str
    term: str
    hourly: int  # commitment per hour, 1e-10
    start: int
    end: int

    @property
    def is_upfront(self) -> bool:
        return self.payment == "All Upfront"


@dataclass(frozen=True)
class Reservation:
    arn: str
    covers: str
    instances: int
    recurring: int  # per instance hour, 1e-6
    upfront: int  # amortised, per instance hour, 1e-6
    start: int
    end: int

    @property
    def upfront_fee(self) -> int:
        return self.upfront * YEAR_HOURS * self.instances * 10_000


def plans_of(fleet: Fleet, payer: str) -> tuple[Plan, ...]:
    """A compute plan that runs all the time, and an instance plan paid up front that starts within the window."""
    starts = fleet.window.commitment_starts.start
    old = hour_of(date(fleet.window.months[0].year - 1, 3, 1))
    compute = _commitment(fleet, "compute", 0.97, UNIT // 1000)
    family = _commitment(fleet, "family", 0.95, UNIT // 2)
    return tuple(
        plan
        for plan in (
            Plan(_plan_arn(payer, "compute"), "compute", "ComputeSavingsPlans", "Savings Plans for AWS Compute usage",
                 "ComputeSP:3yrNoUpfront", "ComputeSavingsPlans", "No Upfront", "3yr", compute, old,
                 old + 3 * YEAR_HOURS),
            Plan(_plan_arn(payer, "family"), "family", "ComputeSavingsPlans", "Savings Plans for AWS Compute usage",
                 "EU-EC2SP:r5.1yrAllUpfront", "EC2InstanceSavingsPlans", "All Upfront", "1yr", family, starts,
                 starts + YEAR_HOURS),
        )
        if plan.hourly
    )  # fmt: skip


def reservations_of(fleet: Fleet, payer: str) -> tuple[Reservation, ...]:
    """One without upfront payment that ends within the window, one partly upfront that starts within it."""
    starts, ends = fleet.window.commitment_starts.start, fleet.window.commitment_ends.start
    found = []
    for covers, start, end, upfront in (
        ("database", ends - YEAR_HOURS, ends, 0),
        ("database-new", starts, starts + YEAR_HOURS, RESERVED_UPFRONT_PERCENT),
    ):
        series = eligible(fleet, covers)
        if not series.any():
            continue
        price = int(fleet.price[series][0])  # 1e-6 per hour: reserved meters are priced with six digits
        recurring = price * (RESERVED_RECURRING_PERCENT + (0 if upfront else RESERVED_UPFRONT_PERCENT)) // 100
        wanted = int(fleet.daily[series].sum() / 24) + 1
        found.append(
            Reservation(
                arn=f"arn:aws:rds:eu-west-1:{payer}:ri:ri-{derived_id(payer, covers)[:13]}",
                covers=covers,
                instances=max(min(wanted, EXACT_BELOW // (recurring * 10_000 * 744)), 2),
                recurring=recurring,
                upfront=price * upfront // 100 // UPFRONT_STEP * UPFRONT_STEP,
                start=start,
                end=end,
            )
        )
    return tuple(found)


def eligible(fleet: Fleet, covers: str) -> np.ndarray:
    """Which series a commitment of this kind can cover."""
    kinds = np.array([meter.commitment for meter in fleet.estate.meters])
    fits: np.ndarray = kinds[fleet.table["meter"].to_numpy()] == covers
    return fits


def plan_price(fleet: Fleet) -> np.ndarray:
    """Savings Plan price of each series, in the digits of its on-demand price."""
    return fleet.price * PLAN_RATE_PERCENT // 100


def covered_rows(candidates: np.ndarray, start: np.ndarray, worth: np.ndarray, daily_capacity: int) -> np.ndarray:
    """Fill each day's capacity with whole rows, the largest that still fit first; return which rows are covered."""
    rows = np.flatnonzero(candidates)
    rows = rows[np.lexsort((rows, -worth[rows], start[rows] // 24))]
    covered = np.zeros(len(candidates), dtype=bool)
    if not len(rows):
        return covered
    _, first, counts = np.unique(start[rows] // 24, return_index=True, return_counts=True)
    free = np.full(len(first), daily_capacity, dtype=np.int64)
    for rank in range(counts.max()):
        days = np.flatnonzero(counts > rank)
        offered = rows[first[days] + rank]
        fits = worth[offered] <= free[days]
        covered[offered[fits]] = True
        free[days[fits]] -= worth[offered[fits]]
    return covered


def overlap(month: Month, start: int, end: int) -> tuple[int, int]:
    """The part of the month between two hours, as (first hour, hour after the last)."""
    return max(month.start, start), min(month.end, end)


def per_day(start: np.ndarray, amounts: np.ndarray, month: Month) -> np.ndarray:
    """Exact sum of amounts per day of the month."""
    sums = np.zeros(month.days, dtype=np.int64)
    np.add.at(sums, (start - month.start) // 24, amounts)
    return sums


def negations(lines: pl.DataFrame) -> pl.DataFrame:
    """One row per account, usage type, day and plan that takes back what its covered usage shows on the bill."""
    day = pl.col("start") // 24 * 24
    return (
        lines.with_columns(start=day, end=day + 24)
        .group_by(
            "account_id", "service", "product", "family", "usage_type", "operation", "region", "start", "end", "plan",
            maintain_order=True,
        )
        .agg(cost=-pl.col("cost").sum())
        .with_columns(
            type=pl.lit("SavingsPlanNegation"),
            effective=pl.lit(0, pl.Int64),
            description=pl.lit("SavingsPlanNegation used by ") + pl.col("usage_type"),
        )
    )  # fmt: skip


def _commitment(fleet: Fleet, covers: str, share: float, step: int) -> int:
    series = eligible(fleet, covers)
    hourly = (fleet.daily[series] * plan_price(fleet)[series] * 10.0 ** fleet.quantity_digits[series]).sum() / 24
    return int(hourly * share) // step * step


def _plan_arn(payer: str, covers: str) -> str:
    return f"arn:aws:savingsplans::{payer}:savingsplan/{derived_id(payer, 'plan', covers)}"
