"""Halden's budgets and planned events. Amounts fit what the sample costs, which does not depend on its size."""

from collections.abc import Iterable, Sequence

from pipelines.sample.estate import COST_CENTERS
from pipelines.sample.months import Window

Rows = Iterable[Sequence[object]]
BUDGETS = (
    "budget_id,version,period,scope,scope_value,amount,currency,owner,department,priority,is_locked,thresholds,note"
)
EVENTS = "event_id,kind,scope,scope_value,starts_on,ends_on,change_percent,monthly_amount,currency,note"
# USD a month. Search is planned too high, machine learning too low.
_MONTHLY = {
    "CC-1010": 42_000, "CC-1020": 22_000, "CC-1030": 20_000, "CC-1040": 9_000, "CC-2010": 14_000, "CC-2020": 75_000,
    "CC-2030": 8_000, "CC-3010": 7_000, "CC-3020": 15_000, "CC-4020": 23_000, "CC-5010": 24_000, "CC-6010": 31_000,
}  # fmt: skip
_ALL = 330_000


def budgets(window: Window) -> Rows:
    """Months of the last quarter and the next one, the running quarter of each team, and the company's year."""
    last = window.months[-1]
    quarter = f"{last.year}-Q{(last.month + 2) // 3}"
    for center in COST_CENTERS:
        amount = _MONTHLY.get(center.id)
        if amount is None:
            continue
        weight = 2 if center.revenue else 1
        for month in (last.plus(-1), last, last.plus(1)):
            yield [f"{center.name}-month", 1, month.period, "cost_center", center.id, amount, "USD", center.owner,
                   center.department, weight, "no", "50;75;90;110", ""]  # fmt: skip
        yield [f"{center.name}-quarter", 1, quarter, "cost_center", center.id, amount * 3, "USD", center.owner,
               center.department, weight, "no", "50;75;85;95;100;110", ""]  # fmt: skip
    for month in (last.plus(-1), last, last.plus(1)):
        yield ["company-month", 1, month.period, "total", "", _ALL, "USD", "Dana Whitfield", "", 1, "yes",
               "85;95;100", "First version of the plan"]  # fmt: skip
    yield ["company-month", 2, last.period, "total", "", _ALL - 10_000, "USD", "Dana Whitfield", "", 1, "yes",
           "85;95;100", "Cut after the half year"]  # fmt: skip
    yield ["company-year", 1, str(last.year), "total", "", _ALL * 12, "USD", "Dana Whitfield", "", 1, "yes",
           "50;75;90;100;110", ""]  # fmt: skip


def planned_events(window: Window) -> Rows:
    """The sales weeks after the window, and the month in which the old commitments end."""
    last, ends = window.months[-1].plus(1), window.commitment_ends
    yield ["sales-weeks", "launch", "business_unit", "Marketplace", last.first_day.replace(day=20),
           last.first_day.replace(day=30), 25, "", "", "More traffic until the end of the month"]  # fmt: skip
    yield ["old-reservations", "commitment_end", "cost_center", "CC-1030", ends.first_day,
           ends.last_day, "", "", "", "The old reservations end; new ones follow"]  # fmt: skip
