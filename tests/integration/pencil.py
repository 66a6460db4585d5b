"""Allocation worked out a second time, with a pencil: charge by charge, in fractions, from the text of decision files.

Written from the domain page's words, to check the models by another way: no SQL, and no code of the product.
Knows one month, one reporting currency, direct rules by tag, account, resource and service, pools of every method that
needs no day or source of its own, and pools that serve each other (reciprocally).
"""

from __future__ import annotations

import unicodedata
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

Row = dict[str, str]
Decisions = dict[str, list[Row]]
NOBODY = "~unallocated"
# Domain page 4.2: what wins where two kinds of rule have one priority.
SUREST_FIRST = ("resource", "tag", "resource_group", "account", "name_pattern", "service")


@dataclass(frozen=True)
class Cost:
    day: str
    service: str
    amount: str
    category: str = "Usage"
    account: str = ""
    resource: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    source: str = "s"

    @property
    def kind(self) -> str:
        return {"Tax": "tax", "Credit": "credit"}.get(self.category, "cost")


class Month:
    """Who pays for one month. `lines`: (source, cost centre, service, kind) to the exact amount."""

    def __init__(self, period: str, costs: Iterable[Cost], decisions: Decisions) -> None:
        self._decisions = decisions
        year, month = int(period[:4]), int(period[5:])
        self._first = date(year, month, 1)
        self._days = monthrange(year, month)[1]
        self._after = self._first + timedelta(days=self._days)
        costs = list(costs)
        self.lines: dict[tuple[str, str, str, str], Fraction] = defaultdict(Fraction)
        self._direct: dict[str, Fraction] = defaultdict(Fraction)
        left = [cost for cost in costs if not self._claimed(cost)]
        self._pools = {row["pool_id"]: row for row in decisions["shared_cost_rules"]}
        served = self._served()
        for cost in left:
            pool = self._pool_of(cost)
            kind = "direct" if pool is None else "shared"
            for payer, share in (served[pool] if pool else {NOBODY: Fraction(1)}).items():
                # What nobody pays is direct: no share of a pool reached anyone.
                self._add(cost, payer, kind if payer != NOBODY else "direct", share)

    def _add(self, cost: Cost, payer: str, kind: str, share: Fraction) -> None:
        if share:
            shown = kind if cost.kind == "cost" else cost.kind
            self.lines[cost.source, payer, cost.service, shown] += Fraction(cost.amount) * share

    # --- direct rules ---

    def _claimed(self, cost: Cost) -> bool:
        found = [
            row for row in self._decisions["allocation_rules"] if _in_force(row, cost.day) and self._fits(row, cost)
        ]
        if not found:
            return False
        best = min(found, key=lambda row: (int(row["priority"]), SUREST_FIRST.index(row["match_type"]), row["rule_id"]))
        for row in found:
            if row["rule_id"] == best["rule_id"]:
                share = Fraction(row["share_percent"] or "100") / 100
                self._add(cost, row["cost_center_id"], "direct", share)
                self._direct[row["cost_center_id"]] += Fraction(cost.amount) * share
        return True

    def _fits(self, row: Row, cost: Cost) -> bool:
        wanted = row["match_value"]
        match row["match_type"]:
            case "tag":
                return any(_like(value, wanted) for value in self._tag_values(cost, row["match_key"]))
            case "account":
                return _like(cost.account, wanted)
            case "resource":
                return _like(cost.resource, wanted)
            case "service":
                return _like(cost.service, wanted)
        raise ValueError(f"rules by {row['match_type']} are not for the pencil: its costs carry no such thing")

    def _tag_values(self, cost: Cost, key: str) -> list[str]:
        aliases = self._decisions.get("tag_aliases", [])
        keys = {_plain(a["alias"]): _plain(a["canonical"]) for a in aliases if a["kind"] == "key"}
        values = {
            (_plain(a["tag_key"]), a["alias"].strip().casefold()): a["canonical"]
            for a in aliases
            if a["kind"] == "value"
        }
        found = []
        for name, value in cost.tags.items():
            canonical = keys.get(_plain(name), _plain(name))
            if canonical == _plain(key):
                found.append(values.get((canonical, value.strip().casefold()), value.strip()))
        return found

    # --- shared pools ---

    def _pool_of(self, cost: Cost) -> str | None:
        for pool in sorted(self._pools.values(), key=lambda row: int(row["priority"])):
            value = {"service": cost.service, "charge_category": cost.category, "account": cost.account}
            is_match = pool["match_type"] == "any" or _like(value[pool["match_type"]], pool["match_value"])
            if is_match and _in_force(pool, cost.day):
                return pool["pool_id"]
        return None

    def _served(self) -> dict[str, dict[str, Fraction]]:
        """Who pays for a pool in the end, itself solved through the pools it serves: N = B + A N."""
        names = list(self._pools)
        split = {name: self._split(self._pools[name]) for name in names}
        payers = sorted({target for shares in split.values() for target in shares} - set(names))
        rows = [
            [Fraction(int(a == b)) - split[a].get(b, Fraction(0)) for b in names]
            + [split[a].get(payer, Fraction(0)) for payer in payers]
            for a in names
        ]
        for at in range(len(rows)):  # Gauss and Jordan
            pivot = next(i for i in range(at, len(rows)) if rows[i][at])
            rows[at], rows[pivot] = rows[pivot], rows[at]
            rows[at] = [value / rows[at][at] for value in rows[at]]
            for other in range(len(rows)):
                if other != at and rows[other][at]:
                    factor = rows[other][at]
                    rows[other] = [b - factor * a for a, b in zip(rows[at], rows[other], strict=True)]
        return {name: dict(zip(payers, row[len(names) :], strict=True)) for name, row in zip(names, rows, strict=True)}

    def _split(self, pool: Row) -> dict[str, Fraction]:
        parts = [row for row in self._decisions.get("shared_cost_parts", []) if row["pool_id"] == pool["pool_id"]]
        if not parts:
            return self._shares(pool, pool)
        shares: dict[str, Fraction] = defaultdict(Fraction)
        for part in parts:
            for target, share in self._shares(pool, part).items():
                shares[target] += share * Fraction(part["share_percent"]) / 100
        return shares

    def _shares(self, pool: Row, way: Row) -> dict[str, Fraction]:
        if way["method"] == "fixed_percentage":
            shares: dict[str, Fraction] = defaultdict(Fraction)
            for row in self._decisions["shared_cost_shares"]:
                if row["pool_id"] == pool["pool_id"]:
                    shares[row["target"]] += Fraction(row["share_percent"]) / 100 * self._overlap(row) / self._days
            return {**shares, NOBODY: 1 - sum(shares.values())}
        for method in (way["method"], *filter(None, way["fallback"].split(">"))):
            if method == "unallocated":
                break
            weights = {target: w for target, w in self._weights(pool, method, way["driver"]).items() if w > 0}
            if weights:
                return {target: weight / sum(weights.values()) for target, weight in weights.items()}
        return {NOBODY: Fraction(1)}

    def _weights(self, pool: Row, method: str, driver: str) -> dict[str, Fraction]:
        days: dict[str, int] = defaultdict(int)
        heads: dict[str, Fraction] = defaultdict(Fraction)
        earned: dict[str, Fraction] = defaultdict(Fraction)
        for row in self._decisions["cost_centers"]:
            name, within = row["cost_center_id"], self._overlap(row)
            days[name] += within
            heads[name] += within * Fraction(row["headcount"] or 0)
            earned[name] += within * max(Fraction(row["revenue"] or 0), Fraction(0))
        active = {name for name, count in days.items() if count}
        used: dict[str, Fraction] = defaultdict(Fraction)
        for row in self._decisions.get("drivers", []):
            if row["driver"] == driver and self._first <= date.fromisoformat(row["date"]) < self._after:
                used[row["cost_center_id"]] += Fraction(row["quantity"])
        chosen = set(filter(None, pool["targets"].split(";")))
        weights = {
            "equal_split": {name: Fraction(1) for name in active},
            "headcount_based": heads,
            "revenue_based": earned,
            "proportional_cost": self._direct,
            "proportional_usage": used,
            "activity_based": used,
        }[method]
        reachable = active | (set(self._pools) - {pool["pool_id"]})
        return {t: w for t, w in weights.items() if t in reachable and (not chosen or t in chosen)}

    def _overlap(self, row: Row) -> int:
        """Days of the month on which a dated row holds."""
        starts = max(date.fromisoformat(row["valid_from"] or "1900-01-01"), self._first)
        ends = min(date.fromisoformat(row["valid_to"] or "9999-12-31"), self._after)
        return max((ends - starts).days, 0)


def cents(lines: dict[tuple[str, str, str, str], Fraction]) -> dict[tuple[str, str, str, str], int]:
    """Whole cents of one source's lines (all of one sign): largest remainder; then the larger, then by name."""
    exact = {key: abs(amount) * 100 for key, amount in lines.items() if amount}
    whole = {key: int(amount) for key, amount in exact.items()}
    left = int(sum(exact.values())) - sum(whole.values())
    for key in sorted(exact, key=lambda k: (-(exact[k] - whole[k]), -exact[k], k[1:]))[:left]:
        whole[key] += 1
    return {key: whole[key] * (1 if lines[key] > 0 else -1) for key in whole}


def _in_force(row: Row, day: str) -> bool:
    return (row["valid_from"] or "1900-01-01") <= day < (row["valid_to"] or "9999-12-31")


def _like(value: str, wanted: str) -> bool:
    value, wanted = value.strip().casefold(), wanted.strip().casefold()
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else bool(value) and value == wanted


def _plain(key: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", key).strip().lower() if c not in "-_ .:")
