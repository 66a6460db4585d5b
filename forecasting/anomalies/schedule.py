"""Changes that were decided: a commitment that begins or ends, and the events of planned_events.csv. No alarms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from forecasting.anomalies.grouping import Group, Node

_SAME_WEEKDAYS = (7, 14, 21, 28)
_UNMOVED = 0.05  # a change at contracted prices below it is none
_OPEN_EVENT_DAYS = 35  # an event without an end explains changes that begin within this time


@dataclass(frozen=True)
class Schedule:
    """What is known of the warehouse and of the decisions; see `explained_by`."""

    on_demand: dict[tuple[str | None, ...], dict[date, tuple[float, float | None]]]  # effective, contracted per day
    events: list[dict[str, Any]]
    providers: dict[str, str]  # by source
    centers: dict[str, dict[str, str]]  # department and business_unit by cost centre

    def explained_by(self, group: Group) -> str | None:
        """planned_event:ID, commitment_change, owner_change (the cost went to another team), or None."""
        for event in self.events:
            last = (
                event["ends_on"] if event["ends_on"].year < 9999 else event["starts_on"] + timedelta(_OPEN_EVENT_DAYS)
            )
            if event["starts_on"] - timedelta(1) <= group.lead.first <= last and all(
                self._is_in(member.node, event["scope"], event["scope_value"]) for member in group.members
            ):
                return f"planned_event:{event['event_id']}"
        paid = self._moved(group)
        if paid is None:
            return None
        if paid.is_commitment:
            return "commitment_change"
        leaves = all(member.node.level == "leaf" for member in group.members)
        return "owner_change" if leaves and abs(paid.amount) * 4 < abs(float(group.impact)) else None

    def _is_in(self, node: Node, scope: str, value: str | None) -> bool:
        if scope == "total":
            return True
        if scope == "provider":
            return self.providers.get(node.x_source or "") == str(value).lower()
        if scope in ("department", "business_unit"):
            return self.centers.get(node.cost_center_id or "", {}).get(scope) == value
        key = {"cost_center": "cost_center_id", "sub_account": "sub_account_id", "service": "service_name"}[scope]
        return bool(getattr(node, key) == value)

    def _moved(self, group: Group) -> _Moved | None:
        """How the group's accounts and services moved, whoever pays: None where the weeks before are not known."""
        now, before, is_known = [0.0, 0.0], [0.0, 0.0], True
        for key, days in self.on_demand.items():
            if not any(_holds(member.node, key) for member in group.members):
                continue
            for day in group.days():
                weeks = [days[day - timedelta(back)] for back in _SAME_WEEKDAYS if day - timedelta(back) in days]
                today = days.get(day)
                if today is None or not weeks:
                    continue
                is_known = is_known and today[1] is not None and all(week[1] is not None for week in weeks)
                now = [now[0] + today[0], now[1] + (today[1] or 0.0)]
                before = [
                    before[0] + sum(week[0] for week in weeks) / len(weeks),
                    before[1] + sum(week[1] or 0.0 for week in weeks) / len(weeks),
                ]
        if not before[0]:
            return None
        paid = now[0] / before[0] - 1
        worth = now[1] / before[1] - 1 if is_known and before[1] else None
        is_commitment = worth is not None and abs(worth) <= max(_UNMOVED, abs(paid) / 4) and abs(paid) > 2 * _UNMOVED
        return _Moved(now[0] - before[0], is_commitment)


@dataclass(frozen=True)
class _Moved:
    amount: float  # of effective cost, all days
    is_commitment: bool  # effective cost moved; at contracted prices, without any commitment, it did not


def _holds(node: Node, key: tuple[str | None, ...]) -> bool:
    """Whether a source, account, service and currency are of this node. Teams have no on-demand cost of their own."""
    mine = (node.x_source, node.sub_account_id, node.service_name, node.currency)
    return all(own is None or own == theirs for own, theirs in zip(mine, key, strict=True))


def read_schedule(con: duckdb.DuckDBPyConnection, decisions: dict[str, list[dict[str, Any]]]) -> Schedule:
    on_demand: dict[tuple[str | None, ...], dict[date, tuple[float, float | None]]] = {}
    for *key, day, effective, contracted in con.execute(
        "select x_source, sub_account_id, service_name, currency, charge_date, effective_cost, contracted_cost "
        "from int_anomalies__on_demand order by all"
    ).fetchall():
        costs = (float(effective), None if contracted is None else float(contracted))
        on_demand.setdefault(tuple(key), {})[day] = costs
    providers = dict(con.execute("select x_source, min(provider) from fct_daily_costs group by 1").fetchall())
    centers = {
        row["cost_center_id"]: {"department": row["department"], "business_unit": row["business_unit"]}
        for row in decisions["cost_centers"]
    }
    return Schedule(on_demand, decisions["planned_events"], providers, centers)
