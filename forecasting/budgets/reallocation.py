"""Moving budget within a department, as the linear programme of reference domain.md 6. All money in whole cents.

min Σ priority·overspend + tie-break·Σ transfers, where receivers (forecast above budget) get at most 10 % of their
original budget, donors give at most 10 % of theirs and keep their forecast and 2 % on top. Caps count over the year:
what earlier adjustments moved is part of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

Matrix = NDArray[np.float64]

MOST_MOVED_PERCENT = 10  # of the original budget, over the whole year
RESERVE_PERCENT = 2  # of a donor's forecast, which it keeps on top
_TIE_BREAK = 1e-6  # far below the weight of one cent of overspend, far above the solver's tolerance per unit


@dataclass(frozen=True)
class Position:
    """One budget of a department. Amounts in cents."""

    budget_id: str
    original: int  # as approved
    budget: int  # as it is now, with earlier adjustments
    forecast: int  # at the chosen quantile
    priority: int = 1  # what a cent of overspend weighs: production more
    is_locked: bool = False

    @property
    def cap(self) -> int:
        return self.original * MOST_MOVED_PERCENT // 100

    @property
    def need(self) -> int:
        return max(self.forecast - self.budget, 0)

    @property
    def may_get(self) -> int:
        """What it needs, within what the year still allows."""
        return 0 if self.is_locked else max(min(self.need, self.cap - (self.budget - self.original)), 0)

    @property
    def may_give(self) -> int:
        """What its forecast leaves, with the reserve (rounded up), within what the year still allows."""
        kept = self.forecast + -(-self.forecast * RESERVE_PERCENT // 100)
        if self.is_locked or self.need:
            return 0
        return max(min(self.budget - kept, self.cap - (self.original - self.budget)), 0)


@dataclass(frozen=True)
class Transfer:
    donor: str
    receiver: str
    cents: int


def reallocate(positions: Sequence[Position]) -> list[Transfer]:
    """The transfers that leave the least weighted overspend, by donor and receiver; none without a donor.

    Among equal solutions money comes from donors with the most slack first, then by id. Fractions of a cent are cut
    off, so no cap is ever passed.
    """
    receivers = sorted((p for p in positions if p.may_get), key=lambda p: p.budget_id)
    donors = sorted((p for p in positions if p.may_give), key=lambda p: (-p.may_give, p.budget_id))
    if not receivers or not donors:
        return []
    pairs = len(donors) * len(receivers)
    order = 1 + np.arange(pairs) / pairs  # donors with more slack come first and are cheaper
    weights = np.array([receiver.priority for receiver in receivers], dtype=float)
    costs = np.concatenate([_TIE_BREAK * order, weights])
    # Units of the largest amount, so that the solver's tolerances are small against a cent.
    unit = float(max(max(p.may_get for p in receivers), max(p.may_give for p in donors)))
    rows, limits = [], []
    for number, donor in enumerate(donors):
        row = np.zeros(pairs + len(receivers))
        row[number * len(receivers) : (number + 1) * len(receivers)] = 1
        rows.append(row)
        limits.append(donor.may_give / unit)
    for number, receiver in enumerate(receivers):
        got = np.zeros(pairs + len(receivers))
        got[number : pairs : len(receivers)] = 1
        rows.append(got)
        limits.append(receiver.may_get / unit)
        short = -got.copy()
        short[pairs + number] = -1
        rows.append(short)
        limits.append(-receiver.need / unit)
    solved = linprog(costs, A_ub=np.array(rows), b_ub=np.array(limits), bounds=(0, None), method="highs")
    return _in_cents(donors, receivers, solved.x[:pairs] * unit)


def _in_cents(donors: Sequence[Position], receivers: Sequence[Position], amounts: Matrix) -> list[Transfer]:
    """Whole cents within the caps exactly. Amounts are whole in the optimum (a transport problem with whole limits), so
    what rounding down leaves is the solver's tolerance: it is given out afterwards, the heaviest receivers first."""
    gives = {donor.budget_id: donor.may_give for donor in donors}
    gets = {receiver.budget_id: receiver.may_get for receiver in receivers}
    moved: dict[tuple[str, str], int] = {}

    def move(donor: Position, receiver: Position, wanted: int) -> None:
        cents = min(wanted, gives[donor.budget_id], gets[receiver.budget_id])
        if cents > 0:
            gives[donor.budget_id] -= cents
            gets[receiver.budget_id] -= cents
            pair = (donor.budget_id, receiver.budget_id)
            moved[pair] = moved.get(pair, 0) + cents

    for number, donor in enumerate(donors):
        for place, receiver in enumerate(receivers):
            move(donor, receiver, int(np.floor(amounts[number * len(receivers) + place])))
    for receiver in sorted(receivers, key=lambda p: -p.priority):
        for donor in donors:
            move(donor, receiver, gives[donor.budget_id])
    return [Transfer(donor, receiver, cents) for (donor, receiver), cents in moved.items()]
