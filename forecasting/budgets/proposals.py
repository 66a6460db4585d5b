"""Budgets that are proposed; a person approves them by writing them into budgets.csv.

A month's proposal is its likely cost with two scenarios, held within locked budgets above it. A seasonal adjustment
spreads what a year has left over its months to come as their costs usually are: the sum stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

import polars as pl

from forecasting.budgets.rows import Outlook, adjusted_amounts, adjustment, cents, money, ratio
from pipelines.settings import is_period

PROPOSED_UNTIL = 5  # days into a month: a run that did not happen on its eve makes up for it
SEASONAL_PERCENT = 15  # by as much a month's season alone would begin a reallocation (reference domain.md 6)
_CENT = Decimal("0.01")


def unplanned_months(budgets: Sequence[dict[str, Any]], day: date) -> list[dict[str, Any]]:
    """The month of `day` for every budget that has one for the month before and none for this."""
    first = day.replace(day=1)
    planned = {(b["budget_id"], b["starts_on"]) for b in budgets if is_period(b["period"])}
    return [
        budget | {"period": f"{first:%Y-%m}", "starts_on": first, "ends_on": (first + timedelta(31)).replace(day=1)}
        for budget in budgets
        if is_period(budget["period"]) and budget["ends_on"] == first and (budget["budget_id"], first) not in planned
    ]


def with_proposals(
    adjustments: Sequence[dict[str, Any]],
    outlooks: Sequence[Outlook],
    costs: pl.DataFrame,
    indexes: Mapping[tuple[str, str], Decimal | None],
    locked: Mapping[str, tuple[Decimal, set[str]]],
) -> list[dict[str, Any]]:
    """A budget for the month that begins, each once: what is likely, what suffices in 90 % and in 10 % of all futures.

    `indexes` are seasonal indexes of budgeted months; `locked` are amounts of locked budgets, by id, with the ids of
    budgets below them.
    """
    made = {(row["kind"], row["period"], row["to_budget_id"]) for row in adjustments}
    due = [
        one
        for one in outlooks
        if is_period(one.budget["period"])
        and one.elapsed_days <= PROPOSED_UNTIL
        and ("proposal", one.budget["period"], one.budget["budget_id"]) not in made
    ]
    likely = {one.budget["budget_id"]: one.expected for one in due}
    amounts, held_by = hold_within(likely, {one.budget["budget_id"]: one.at(0.10) for one in due}, locked)
    new = []
    for one in due:
        name, before = one.budget["budget_id"], _month_costs(costs, one)
        new.append(
            adjustment(
                kind="proposal",
                period=one.budget["period"],
                to_budget_id=name,
                amount=amounts[name] - one.budget["amount"],
                amount_before=one.budget["amount"],
                amount_after=amounts[name],
                conservative_amount=one.at(0.90),
                aggressive_amount=one.at(0.10),
                history_amount=money(before[-1]) if before else None,
                growth_ratio=ratio(before[-1] / before[-2] - 1) if len(before) > 1 and before[-2] else None,
                seasonal_index=indexes.get(one.key),
                constrained_by=held_by.get(name),
                confidence=None if one.held is None else ratio(one.held),
                reason=f"likely cost by {one.source.model}"
                + (f", {likely[name]:,.2f}, held within {held_by[name]}" if name in held_by else ""),
                valid_from=one.budget["starts_on"],
                approval="owner",
                status="proposed",
            )
        )
    return [*adjustments, *new]


def hold_within(
    likely: Mapping[str, Decimal], least: Mapping[str, Decimal], locked: Mapping[str, tuple[Decimal, set[str]]]
) -> tuple[dict[str, Decimal], dict[str, str]]:
    """Amounts whose sums fit into locked budgets, and which of them bound each; the narrowest budget first.

    Each gives in proportion to what lies between it and its least amount, below which none is cut.
    """
    amounts, bound_by = dict(likely), {}
    for name, (limit, below) in sorted(locked.items(), key=lambda one: (len(one[1][1]), one[0])):
        members = sorted(below & amounts.keys())
        spare = {member: max(amounts[member] - least[member], Decimal(0)) for member in members}
        excess = sum((amounts[member] for member in members), Decimal(0)) - limit
        if excess <= 0 or not any(spare.values()):
            continue
        part = min(excess / sum(spare.values()), Decimal(1))
        for member in members:
            if spare[member]:
                amounts[member] -= min((spare[member] * part).quantize(_CENT, ROUND_CEILING), spare[member])
                bound_by[member] = name
    return amounts, bound_by


@dataclass(frozen=True)
class SeasonMonth:
    """A month to come of a budget. Amounts in cents."""

    period: str
    days: int
    cents: int
    index: Decimal  # what a day of it usually costs beside a mean day


def by_season(months: Sequence[SeasonMonth]) -> list[int]:
    """The sum of the months' budgets, each by its days times its index: annual / 12 × index where months are equal.

    In whole cents that add up to the same sum. As it was where the season alone, beside even days, or the plan as it is
    would move no month by the threshold.
    """
    before = [month.cents for month in months]
    seasonal = _spread(sum(before), [month.days * month.index for month in months])
    even = _spread(sum(before), [Decimal(month.days) for month in months])
    return seasonal if _moves(even, seasonal) and _moves(before, seasonal) else before


def _spread(total: int, weights: Sequence[Decimal]) -> list[int]:
    """Whole parts of the total, by weight; they add up to it."""
    parts, given, passed, whole = [], 0, Decimal(0), sum(weights)
    for weight in weights:
        passed += weight
        upto = int(total * passed // whole) if whole else given
        parts.append(upto - given)
        given = upto
    return parts


def _moves(before: Sequence[int], after: Sequence[int]) -> bool:
    return sum(before) == sum(after) and any(
        new != old and abs(new - old) * 100 >= SEASONAL_PERCENT * old for old, new in zip(before, after, strict=True)
    )


def with_seasons(
    adjustments: Sequence[dict[str, Any]],
    budgets: Iterable[dict[str, Any]],
    indexes: Mapping[tuple[str, str], Decimal | None],
    as_of: date,
) -> list[dict[str, Any]]:
    """The months to come of a budget's calendar year, spread by their season; once per budget and year."""
    budgets = list(budgets)
    amounts = adjusted_amounts(budgets, adjustments)
    made = {(row["to_budget_id"], row["period"][:4]) for row in adjustments if row["kind"] == "seasonal_adjustment"}
    groups: dict[tuple[str, str, str, str | None], list[dict[str, Any]]] = {}
    for budget in sorted(budgets, key=lambda one: (one["budget_id"], one["period"])):
        name, year = budget["budget_id"], budget["period"][:4]
        if is_period(budget["period"]) and budget["starts_on"] > as_of and budget["is_locked"] != "yes":
            groups.setdefault((name, year, budget["scope"], budget["scope_value"]), []).append(budget)
    new = []
    for (name, year, *_), group in groups.items():
        months = [
            SeasonMonth(budget["period"], (budget["ends_on"] - budget["starts_on"]).days, cents(amounts[key]), index)
            for budget in group
            if (index := indexes.get(key := (name, budget["period"]))) is not None
        ]
        if (name, year) in made or len(months) < len(group):
            continue
        for budget, month, after in zip(group, months, by_season(months), strict=True):
            if after == month.cents:
                continue
            new.append(
                adjustment(
                    kind="seasonal_adjustment",
                    period=month.period,
                    to_budget_id=name,
                    amount=(after - month.cents) * _CENT,
                    amount_before=month.cents * _CENT,
                    amount_after=after * _CENT,
                    seasonal_index=month.index,
                    reason=f"seasonal_adjustment: a day of this month usually costs {month.index:.2f} of a mean day; "
                    f"the months to come of {year} keep their sum",
                    valid_from=budget["starts_on"],
                    approval="owner",
                    status="proposed",
                )
            )
    return [*adjustments, *new]


def _month_costs(costs: pl.DataFrame, one: Outlook) -> list[float]:
    """Cost per day of each month before, times the days of the budgeted month: months differ in length."""
    mine = (pl.col("scope") == one.budget["scope"]) & (pl.col("scope_value") == (one.budget["scope_value"] or ""))
    before = (pl.col("charge_date") < one.budget["starts_on"]) & (pl.col("charge_date") <= one.as_of)
    rows = costs.filter(mine & before)
    if not len(rows):
        return []
    first, last = rows["charge_date"].min(), min(one.as_of, one.budget["starts_on"] - timedelta(1))
    months = rows.group_by(pl.col("charge_date").dt.month_start().alias("month")).agg(
        pl.col("cost").cast(pl.Float64).sum()
    )
    length = (one.budget["ends_on"] - one.budget["starts_on"]).days
    return [
        # Of a month that is known in part, its known days; days without a cost are days all the same.
        cost / ((min(last, _month_end(month)) - max(first, month)).days + 1) * length
        for month, cost in months.sort("month").iter_rows()
    ]


def _month_end(month: date) -> date:
    return (month + timedelta(31)).replace(day=1) - timedelta(1)
