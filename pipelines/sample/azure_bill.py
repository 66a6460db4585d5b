"""One Azure enterprise bill per month, seen twice: as invoiced (actual) and with commitments spread (amortised).

Costs are exact to 20 decimals: whole 1e-10 units plus a tail in 1e-20 units, because Azure prices have more digits than
anybody bills.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.sample.aws_commitments import covered_rows, eligible, per_day
from pipelines.sample.estate import account_named, derived_id
from pipelines.sample.fleet import Fleet, Usage, usage_of
from pipelines.sample.money import money
from pipelines.sample.months import Month

RESERVED_PERCENT, PLAN_PERCENT = 62, 78
TAIL = 10**10
SCHEMA = {
    "series": pl.Int64, "start": pl.Int64, "quantity": pl.Int64, "price": pl.Int64, "price_tail": pl.Int64,
    "cost": pl.Int64, "tail": pl.Int64, "charge": pl.String, "frequency": pl.String, "model": pl.String,
    "commitment": pl.Int64, "tag": pl.Int64, "subscription": pl.String, "category": pl.String, "product": pl.String,
    "meter": pl.String, "unit": pl.String, "publisher": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Commitment:
    """A reservation (counted in machines) or a savings plan (counted in money per hour)."""

    covers: str
    name: str
    model: str  # PricingModel: Reservation | SavingsPlan
    order: str
    identity: str
    product: str
    category: str
    machines: int
    hourly: int  # 1e-10 per hour; per machine for a reservation
    term: str
    upfront: bool
    start: int
    end: int
    subscription: str  # empty: bought at billing scope

    @property
    def benefit(self) -> str:
        return f"{self.benefit_order}{self.identity}"

    @property
    def benefit_order(self) -> str:
        """Purchases name the order only; the tail is empty."""
        if self.model == "Reservation":
            return f"/providers/Microsoft.Capacity/reservationOrders/{self.order}/reservations/"
        return f"/providers/Microsoft.BillingBenefits/savingsPlanOrders/{self.order}/savingsPlans/"

    def daily(self) -> int:
        return self.hourly * self.machines * 24


def commitments_of(fleet: Fleet) -> tuple[Commitment, ...]:
    """A monthly reservation that ends within the window, an upfront one that starts in it, and a savings plan."""
    window = fleet.window
    starts, ends = window.commitment_starts.start, window.commitment_ends.start
    year = 8760
    found = []
    for covers, name, upfront, start, end, subscription in (
        ("reservation", "VM_RI_D4sv5", False, ends - 3 * year, ends, account_named("erp-prod").id),
        ("reservation-new", "VM_RI_E8sv5", True, starts, starts + year, account_named("care-platform").id),
    ):
        series = eligible(fleet, covers)
        meter = next(meter for meter in fleet.estate.meters if meter.commitment == covers)
        found.append(
            Commitment(
                covers, name, "Reservation", derived_id("order", name), derived_id("reservation", name),
                f"Reserved VM Instance, Standard_{meter.name.replace(' ', '_')}, EU West, "
                f"{'1 Year' if upfront else '3 Years'}",
                meter.service, max(int(fleet.daily[series].sum() / 24), 1),
                meter.price_units * RESERVED_PERCENT // 100 * 10_000, "12" if upfront else "36", upfront, start, end,
                subscription,
            )
        )  # fmt: skip
    series = eligible(fleet, "plan")
    hourly = float((fleet.daily[series] * fleet.price[series]).sum() / 24) * 10_000 * PLAN_PERCENT / 100 * 0.97
    found.append(
        Commitment(
            "plan", "Compute_SavingsPlan_3Y", "SavingsPlan", derived_id("order", "plan"), derived_id("plan", "plan"),
            "Compute Savings Plan, 3 Years", "Virtual Machines", 1,
            max(int(hourly) // money("0.001"), 1) * money("0.001"),
            "36", False, window.start - year, window.end + year, "",
        )
    )  # fmt: skip
    return tuple(found)


def monthly_lines(fleet: Fleet, commitments: tuple[Commitment, ...], month: Month) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the (actual, amortised) lines of a month in SCHEMA."""
    usage = usage_of(fleet, month)
    held_by = np.full(len(usage.series), -1)
    covered_price = np.zeros(len(usage.series), dtype=np.int64)
    actual_only, amortised_only = [], []
    for index, held in enumerate(commitments):
        if not held.start <= month.start < held.end:
            continue
        prices = (fleet.price * (RESERVED_PERCENT if held.model == "Reservation" else PLAN_PERCENT) // 100)[
            usage.series
        ]
        worth = usage.quantity * prices
        mask = covered_rows(eligible(fleet, held.covers)[usage.series], usage.start, worth, held.daily())
        held_by[mask], covered_price[mask] = index, prices[mask]
        unused = held.daily() - per_day(usage.start[mask], worth[mask], month)
        actual_only += _purchases(held, index, month)
        amortised_only += _unused(held, index, month, unused)
    actual, amortised = _usage_lines(fleet, usage, held_by, covered_price)
    both = _others(fleet, month)
    return _with(actual, actual_only + both), _with(amortised, amortised_only + both)


def price_tails(fleet: Fleet) -> np.ndarray:
    """The ten digits after each unit price's own: most on-demand prices have them, what commitments cover has not."""
    series = np.arange(len(fleet.price), dtype=np.int64)
    free = np.array([not meter.commitment for meter in fleet.estate.meters])[fleet.table["meter"].to_numpy()]
    return np.where(free & (series % 3 > 0), (series * 7_919 + 1_299_709) * 104_729 % TAIL, 0)


def times_tail(quantity: np.ndarray, tail: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact quantity x tail as (1e-10 units, 1e-20 units), in steps that fit 64 bits."""
    upper, lower = np.divmod(quantity, 100_000)
    high, rest = np.divmod(upper * tail, 100_000)
    carry, low = np.divmod(rest * 100_000 + lower * tail, TAIL)
    return high + carry, low


def _usage_lines(
    fleet: Fleet, usage: Usage, held_by: np.ndarray, covered_price: np.ndarray
) -> tuple[pl.DataFrame, pl.DataFrame]:
    covered = held_by >= 0
    tails = price_tails(fleet)[usage.series]
    carried, cost_tail = times_tail(usage.quantity, tails)
    digits = fleet.quantity_digits[usage.series]
    models = np.array([meter_model(meter.name) for meter in fleet.estate.meters], dtype=object)

    def lines(price: np.ndarray, cost: np.ndarray) -> pl.DataFrame:
        # the tail follows the price's last digit: 10 more digits after 6 or after 10
        shifted, rest = np.divmod(tails, 10 ** (10 - digits))
        return _complete(
            {
                "series": usage.series,
                "start": usage.start,
                "quantity": usage.quantity * 10 ** (4 - digits),
                "price": price * 10**digits + shifted,
                "price_tail": rest * 10**digits,
                "cost": cost,
                "tail": cost_tail,
                "charge": np.full(len(covered), "Usage", dtype=object).tolist(),
                "frequency": np.full(len(covered), "UsageBased", dtype=object).tolist(),
                "model": models[fleet.table["meter"].to_numpy()[usage.series]].tolist(),
                "commitment": held_by,
                "tag": usage.tag,
            }
        )

    on_demand = usage.cost + carried
    actual = lines(np.where(covered, 0, fleet.price[usage.series]), np.where(covered, 0, on_demand))
    amortised = lines(
        np.where(covered, covered_price, fleet.price[usage.series]),
        np.where(covered, covered_price * usage.quantity, on_demand),
    )
    return actual, amortised


def meter_model(name: str) -> str:
    return "Spot" if name.endswith("Spot") else "OnDemand"


def _complete(columns: dict[str, object]) -> pl.DataFrame:
    frame = pl.DataFrame(columns)
    return frame.select(
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name)
        for name, kind in SCHEMA.items()
    )


def _with(lines: pl.DataFrame, rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.concat([lines, pl.DataFrame([_ROW | row for row in rows], schema=SCHEMA)])


_ROW: dict[str, object] = {"series": None, "quantity": 10_000, "price_tail": 0, "tail": 0, "commitment": -1, "tag": 0,
                           "unit": "1", "publisher": "Microsoft"}  # fmt: skip


def _purchases(held: Commitment, index: int, month: Month) -> list[dict[str, object]]:
    """What the commitment costs on the invoice: each month, or once when it is paid up front."""
    if held.upfront and held.start != month.start:
        return []
    cost = held.hourly * held.machines * ((held.end - held.start) if held.upfront else month.hours)
    row = {
        "start": month.start, "cost": cost, "price": cost // held.machines, "quantity": held.machines * 10_000,
        "charge": "Purchase", "frequency": "OneTime" if held.upfront else "Recurring", "model": held.model,
        "commitment": index, "subscription": held.subscription, "category": held.category, "product": held.product,
        "meter": "", "unit": "1 Hour",
    }  # fmt: skip
    return [row]


def _unused(held: Commitment, index: int, month: Month, unused: np.ndarray) -> list[dict[str, object]]:
    kind = "UnusedReservation" if held.model == "Reservation" else "UnusedSavingsPlan"
    return [
        {
            "start": month.start + 24 * day, "cost": int(cost), "price": int(cost), "charge": kind,
            "frequency": "UsageBased", "model": held.model, "commitment": index, "subscription": held.subscription,
            "category": held.category, "product": held.product, "meter": "", "unit": "1 Hour",
        }
        for day, cost in enumerate(unused)
        if cost
    ]  # fmt: skip


def _others(fleet: Fleet, month: Month) -> list[dict[str, object]]:
    """Marketplace, a refund now and then, and the cent that makes the invoice round. The same in both views."""
    position = fleet.window.months.index(month)
    pay = account_named("pay-eu").id
    marketplace = {
        "start": month.start, "cost": money("649.5"), "price": money("649.5"), "charge": "Purchase",
        "frequency": "Recurring", "model": "OnDemand", "subscription": pay, "category": "SaaS", "meter": "Pro plan",
        "product": "Fraudsight Risk Scoring - Pro", "unit": "1/Month", "publisher": "Fraudsight BV",
    }  # fmt: skip
    rounding = {
        "start": month.end - 24, "cost": 37_000_000 + position * 1_000_000, "price": 0, "charge": "RoundingAdjustment",
        "frequency": "OneTime", "model": "OnDemand", "subscription": "", "category": "",
        "product": "Rounding Adjustment",
        "meter": "", "quantity": 0,
    }  # fmt: skip
    rows: list[dict[str, object]] = [marketplace, rounding]
    if position % 4 == 1:
        rows.append(
            {
                "start": month.start + 24 * 8, "cost": money("-188.2"), "price": money("188.2"), "quantity": -10_000,
                "charge": "Refund", "frequency": "OneTime", "model": "OnDemand", "category": "SQL Database",
                "meter": "vCore",
                "subscription": account_named("erp-prod").id,
                "product": "SQL Database Single Standard", "unit": "1 Hour",
            }
        )  # fmt: skip
    return rows
