"""One cause, one incident: what moves a service also moves its account, its team and the total.

Leaves that moved on the same day in the same direction and share an account, service or team are one incident. A level
above becomes one of its own only when the leaves below it explain less than half of its change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

KEYS = ("x_source", "sub_account_id", "service_name", "cost_center_id")
LEVELS = ("leaf", "account", "service", "team", "total")
_CENT = Decimal("0.01")
_SAME_MOMENT, _SEEN_ABOVE = 1, 3  # days: smaller series show a change sooner than the sum that they are part of


@dataclass(frozen=True)
class Node:
    """A series that is watched: the keys it has; None where it has several of them."""

    series_id: str
    level: str
    x_source: str | None
    sub_account_id: str | None
    service_name: str | None
    cost_center_id: str | None
    currency: str

    def holds(self, leaf: Node) -> bool:
        return self.currency == leaf.currency and all(getattr(self, key) in (None, getattr(leaf, key)) for key in KEYS)

    def shares(self, other: Node) -> bool:
        """The same account, service (of one source) or team; what nobody owns is no team."""
        same = self.x_source == other.x_source
        team = self.cost_center_id == other.cost_center_id and not str(self.cost_center_id).startswith("~")
        return (
            (same and self.sub_account_id == other.sub_account_id)
            or (same and self.service_name == other.service_name)
            or team
        )


@dataclass(frozen=True)
class Seen:
    """One series' incident with its days: expected and actual cost per date."""

    node: Node
    first: date
    resolved: date | None
    is_new_level: bool
    score: float
    threshold: float
    days: dict[date, tuple[Decimal, Decimal]]

    @property
    def impact(self) -> Decimal:
        return sum((actual - expected for expected, actual in self.days.values()), Decimal(0))

    @property
    def rises(self) -> bool:
        return self.impact >= 0


@dataclass
class Group:
    """One anomaly: the series that moved together, first the one that names it."""

    members: list[Seen]
    also_on: list[str] = field(default_factory=list)

    @property
    def lead(self) -> Seen:
        return min(self.members, key=lambda seen: (seen.first, seen.node.series_id))

    @property
    def anomaly_id(self) -> str:
        """Stays when series join it on a later day."""
        return hashlib.sha256(f"{self.lead.node.series_id}|{self.lead.first}".encode()).hexdigest()[:12]

    @property
    def impact(self) -> Decimal:
        return sum((member.impact for member in self.members), Decimal(0))

    @property
    def resolved(self) -> date | None:
        """When the last of its members was over."""
        ends = [member.resolved for member in self.members]
        return None if None in ends else max(end for end in ends if end)

    def days(self) -> dict[date, tuple[Decimal, Decimal]]:
        """Expected and actual cost per day, over the members that were unusual on it."""
        total: dict[date, tuple[Decimal, Decimal]] = {}
        for member in self.members:
            for day, (expected, actual) in member.days.items():
                before = total.get(day, (Decimal(0), Decimal(0)))
                total[day] = (before[0] + expected, before[1] + actual)
        return dict(sorted(total.items()))

    def scope(self) -> dict[str, str | None]:
        """Level and keys; a key that its members do not share is None."""
        nodes = [member.node for member in self.members]
        level = nodes[0].level if len(nodes) == 1 else "several"
        shared = {
            key: getattr(nodes[0], key) if len({getattr(node, key) for node in nodes}) == 1 else None for key in KEYS
        }
        return {"level": level, **shared, "currency": nodes[0].currency}


def grouped(seen: Iterable[Seen]) -> list[Group]:
    """Every incident once, by first day and name."""
    ordered = sorted(seen, key=lambda one: (LEVELS.index(one.node.level), one.first, one.node.series_id))
    groups: list[Group] = []
    for one in ordered:
        if one.node.level == "leaf":
            together = [group for group in groups if any(_belongs(one, member) for member in group.members)]
            for group in together[1:]:
                groups.remove(group)
            merged = [member for group in together for member in group.members] + [one]
            if together:
                together[0].members = merged
            else:
                groups.append(Group(merged))
            continue
        below = [group for group in groups if _is_below(group, one)]
        if sum((group.impact for group in below), Decimal(0)).copy_abs() * 2 >= one.impact.copy_abs() and below:
            for group in below:
                group.also_on.append(one.node.level)
        else:
            groups.append(Group([one]))
    return sorted(groups, key=lambda group: (group.lead.first, group.anomaly_id))


def _belongs(one: Seen, other: Seen) -> bool:
    return (
        one.node.currency == other.node.currency
        and one.rises == other.rises
        and abs((one.first - other.first).days) <= _SAME_MOMENT
        and one.node.shares(other.node)
    )


def _is_below(group: Group, above: Seen) -> bool:
    """What the level above consists of, or the same change seen on another one (an account that is one team's)."""
    same = (
        group.lead.node.currency == above.node.currency and abs((group.lead.first - above.first).days) <= _SAME_MOMENT
    )
    if same and abs(group.impact - above.impact) * 4 <= abs(above.impact):
        return True
    return any(
        above.node.holds(member.node)
        and member.rises == above.rises
        and abs((member.first - above.first).days) <= _SEEN_ABOVE
        for member in group.members
    ) or any(above.node.holds(member.node) and above.first in member.days for member in group.members)


def rounded(amount: float) -> Decimal:
    """An estimate as money: to the cent."""
    return Decimal(repr(amount)).quantize(_CENT)
