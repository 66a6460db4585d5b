"""How much to commit: the hourly commitment that costs least on given demand, exactly.

Demand is usage on demand at contract prices, per hour, net of what is committed already. A commitment of `capacity`
covers that much of it every hour at `1 - discount` of its price, used or not. Sources: domain page 1.9.2 and 1.9.3
(newsvendor quantile; plans serve the highest discount first).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from math import ceil

ZERO = Decimal(0)


@dataclass(frozen=True)
class Outcome:
    """What a commitment does over the hours of demand; money in the demand's currency, for all hours together."""

    demand: Decimal
    cost: Decimal  # of the commitment, used or not
    used: Decimal  # part of it that usage consumed
    covered: Decimal  # demand that it covered, at on-demand prices

    @property
    def total_cost(self) -> Decimal:
        return self.cost + self.demand - self.covered

    @property
    def savings(self) -> Decimal:
        return self.covered - self.cost

    @property
    def utilisation(self) -> Decimal | None:
        return self.used / self.cost if self.cost else None

    @property
    def coverage(self) -> Decimal:
        return self.covered / self.demand if self.demand else ZERO

    @property
    def effective_savings_rate(self) -> Decimal:
        return self.savings / self.demand if self.demand else ZERO


def outcome(capacity: Decimal, demand: Sequence[Decimal], discount: Decimal) -> Outcome:
    """What `capacity` per hour at one discount does on `demand`, one value per hour."""
    covered = sum((min(hour, capacity) for hour in demand), ZERO)
    price = 1 - discount
    return Outcome(sum(demand, ZERO), price * capacity * len(demand), price * covered, covered)


def best_capacity(demand: Sequence[Decimal], discount: Decimal) -> Decimal:
    """The capacity that costs least: the `discount`-quantile of demand.

    One more unit costs 1 - discount in every hour and saves 1 in those that use it, so it pays while at least a share
    of 1 - discount of the hours do.
    """
    if not demand:
        return ZERO
    return sorted(demand)[max(ceil(discount * len(demand)) - 1, 0)]


def plan_outcome(commitment: Decimal, hours: Sequence[Sequence[tuple[Decimal, Decimal]]]) -> Outcome:
    """What an hourly `commitment` (money, at discounted prices) does on hours of (discount, demand) pairs.

    In every hour it serves the highest discount first.
    """
    demand = used = covered = ZERO
    for hour in hours:
        left = commitment
        for discount, usage in sorted(hour, reverse=True):
            spent = min(left, usage * (1 - discount))
            left -= spent
            used += spent
            covered += usage if spent == usage * (1 - discount) else spent / (1 - discount)
            demand += usage
    return Outcome(demand, commitment * len(hours), used, covered)


def best_commitment(hours: Sequence[Sequence[tuple[Decimal, Decimal]]]) -> Decimal:
    """The hourly commitment that costs least.

    The cost is convex and bends only where an hour's next discount is served in full, so the best is one of these;
    found by bisection over them.
    """
    bends = sorted(
        {ZERO}
        | {
            bend
            for hour in hours
            for bend in accumulate(usage * (1 - discount) for discount, usage in sorted(hour, reverse=True))
        }
    )
    low, high = 0, len(bends) - 1
    while low < high:
        middle = (low + high) // 2
        if plan_outcome(bends[middle], hours).total_cost <= plan_outcome(bends[middle + 1], hours).total_cost:
            high = middle
        else:
            low = middle + 1
    return bends[low]


def quantile(values: Sequence[Decimal], share: Decimal) -> Decimal:
    """The smallest value that at least `share` of the values do not exceed; 0 without values."""
    return sorted(values)[max(ceil(share * len(values)) - 1, 0)] if values else ZERO


def break_even_months(discount: Decimal, term_months: int) -> Decimal:
    """If all usage stopped after so many months, the commitment would have cost what it saved."""
    return (1 - discount) * term_months


def marginal_saving(demand: Sequence[Decimal], discount: Decimal) -> Decimal:
    """What one more hourly unit of capacity saves per hour now: the share of hours with demand, less its price."""
    if not demand:
        return ZERO
    return Decimal(sum(hour > 0 for hour in demand)) / len(demand) - (1 - discount)
