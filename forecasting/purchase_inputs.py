"""What commitments could be bought for, and what is on offer: usage per pool; offers of decisions and of the bill."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import duckdb

from forecasting.commitments import ZERO
from forecasting.purchase_guards import NOT_BILLED_YET, OPEN_ANOMALY

Kind = tuple[str, str, str]  # service, region and family of sizes; empty where the bill does not tell


@dataclass(frozen=True)
class Offer:
    offer_id: str
    name: str
    kind: str  # savings_plan | reservation
    services: str | None  # pattern of service names; None for all of the program
    discount: Decimal  # off the price before reductions that come by themselves
    term_months: int | None
    payment_option: str | None
    upfront: Decimal  # share of the whole term's cost that is paid at once
    source: str  # decision | bill
    only: Kind | None = None  # a reservation is for one region and family of a service; a plan goes with the usage

    @property
    def scope(self) -> str | None:
        return self.services if self.only is None else " ".join(part for part in self.only if part)


@dataclass
class Pool:
    pool_id: str
    provider: str
    billing_account_id: str | None
    program: str
    currency: str
    is_hourly: bool = True
    covered_hour: Decimal = ZERO
    last_purchase: date | None = None
    reasons_to_wait: list[str] = field(default_factory=list)  # guard-rails: nothing is bought while there are any
    falls: bool = False  # usage is what planned events leave of it
    outlook: list[Decimal] = field(
        default_factory=list
    )  # usage left to cover in a year, low to high: times that of now
    usage: dict[Kind, dict[datetime, Decimal]] = field(default_factory=lambda: defaultdict(dict))
    # All of a kind's usage before and after price reductions that come by themselves, where there are any.
    reduced: dict[Kind, tuple[Decimal, Decimal]] = field(default_factory=dict)

    def hours(self) -> list[datetime]:
        """All hours of the days with usage."""
        days = sorted({hour.date() for hours in self.usage.values() for hour in hours})
        return [datetime(day.year, day.month, day.day, hour) for day in days for hour in range(24)]

    def kinds(self, offer: Offer | None = None) -> list[Kind]:
        """The usage that an offer is for.

        What the bill shows of reservations says nothing of usage whose size nobody knows, beside usage of known ones.
        """
        if offer is None:
            return sorted(self.usage)
        if offer.only is not None:
            return [offer.only] if offer.only in self.usage else []
        named = [kind for kind in sorted(self.usage) if fnmatchcase(kind[0], offer.services or "*")]
        if offer.kind == "savings_plan" or offer.source == "decision":
            return named
        divided = {service for service, _, family in named if family}
        return [kind for kind in named if kind[2] or kind[0] not in divided]

    def demand(self, hours: Iterable[datetime], offer: Offer | None = None) -> list[Decimal]:
        kinds = self.kinds(offer)
        return [sum((self.usage[kind].get(hour, ZERO) for kind in kinds), ZERO) for hour in hours]

    def offers_here(self, offers: list[Offer]) -> list[Offer]:
        """The offers as this pool's usage would get them.

        A reservation becomes one per service, region and family that it is for. A discount counts from what usage pays
        now: what makes it cheaper by itself, such as sustained use, ends where a commitment covers it (domain page
        1.9.4). Offers that take nothing off are none.
        """
        found = []
        for offer in offers:
            kinds = self.kinds(offer)
            narrow = [replace(offer, only=kind, offer_id=_narrow_id(offer, kind)) for kind in kinds]
            for here in narrow if offer.kind == "reservation" else [offer]:
                before, after = (
                    sum((self.reduced.get(kind, (ZERO, ZERO))[n] for kind in self.kinds(here)), ZERO) for n in (0, 1)
                )
                full = sum((sum(self.usage[kind].values(), ZERO) for kind in self.kinds(here)), ZERO)
                if not full:
                    continue
                list_price = full - after + before
                discount = 1 - (1 - here.discount) * list_price / full
                if discount > 0:
                    found.append(replace(here, discount=ratio(discount)))
        return found


def _narrow_id(offer: Offer, kind: Kind) -> str:
    """Named after what tells it from its siblings; a service that is not divided keeps the offer's own name."""
    service = [kind[0]] if offer.services is None or any(sign in offer.services for sign in "*?[") else []
    return "/".join([offer.offer_id, *service, *(part for part in kind[1:] if part)])


def ratio(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("1e-6"))


_DEMAND = """
select pool_id, provider, billing_account_id, program, currency, service_name, region_id, family, charge_hour,
    min(is_hourly), bool_or(falls), cast(sum(residual_cost) as decimal(28, 12))
from int_commitments__demand group by all order by all
"""
_REDUCED = """
select pool_id, service_name, region_id, family, cast(sum(residual_before_reductions) as decimal(28, 12)),
    cast(sum(residual_cost) as decimal(28, 12))
from int_commitments__demand group by all having sum(residual_before_reductions) > sum(residual_cost)
"""
_ANOMALIES = "select pool_id from int_commitments__open_anomalies order by all"
_OUTLOOK = """
select pools.pool_id, outlook.low, outlook.likely, outlook.high
from (select distinct pool_id, provider, currency from int_commitments__demand) as pools
inner join int_commitments__outlook as outlook
    on pools.provider = outlook.provider and pools.currency = outlook.currency
order by all
"""
_COVERED = """
select h.pool_id, cast(sum(h.covered_cost) as decimal(28, 12)), max(w.days) from int_commitments__hours as h
cross join int_savings__window as w where h.charge_date between w.first_day and w.last_day group by h.pool_id
"""
_PURCHASES = "select pool_id, last_purchase, not_billed_yet from int_commitments__purchases"
_DECIDED = """
select offer_id, name, provider, program, kind, services, discount_percent / 100.0, term_months, payment_option,
    upfront_percent / 100.0
from stg_decisions__commitment_offers
where valid_from <= ? and valid_to > ? order by offer_id
"""
# Terms that the customer already has, where they still save something: the newest discount that the bill shows.
# A reservation is offered for the services that it covers, a plan for all of its program.
_OBSERVED = """
select c.provider, c.program, any_value(c.commitment_type), c.commitment_category, c.term_months,
    c.payment_option, case when c.commitment_category <> 'Spend' then s.service_name end as services,
    sum(c.used_cost), sum(c.covered_cost)
from fct_commitments as c
left join int_commitments__services as s
    on c.x_source = s.x_source and c.commitment_id = s.commitment_id and c.commitment_category <> 'Spend'
where c.covered_cost > 0
group by c.provider, c.program, c.commitment_type, c.commitment_category, c.term_months, c.payment_option, services
having sum(c.covered_cost) > sum(c.used_cost) order by all
"""


def read_pools(con: duckdb.DuckDBPyConnection) -> list[Pool]:
    """Demand per pool, kind of usage and hour, net of commitments, of savings that come first and of planned falls."""
    pools: dict[str, Pool] = {}
    for pool_id, provider, account, program, currency, *kind, hour, is_hourly, falls, cost in con.execute(
        _DEMAND
    ).fetchall():
        pool = pools.setdefault(pool_id, Pool(pool_id, provider, account, program, currency))
        pool.is_hourly = pool.is_hourly and bool(is_hourly)
        pool.falls = pool.falls or falls
        pool.usage[kind[0], kind[1], kind[2]][hour] = cost
    for pool_id, service, region, family, before, after in con.execute(_REDUCED).fetchall():
        pools[pool_id].reduced[service, region, family] = (before, after)
    for pool_id, covered, days in con.execute(_COVERED).fetchall():
        if pool_id in pools:
            pools[pool_id].covered_hour = covered / (24 * days)
    for pool_id, bought, not_billed_yet in con.execute(_PURCHASES).fetchall():
        if pool_id in pools:
            pools[pool_id].last_purchase = bought
            if not_billed_yet:
                pools[pool_id].reasons_to_wait.append(NOT_BILLED_YET)
    for pool_id, *growth in con.execute(_OUTLOOK).fetchall():
        pools[pool_id].outlook = [left_to_cover(pools[pool_id], ratio(times)) for times in growth]
    for (pool_id,) in con.execute(_ANOMALIES).fetchall():
        pools[pool_id].reasons_to_wait.append(OPEN_ANOMALY)
    return list(pools.values())


def left_to_cover(pool: Pool, growth: Decimal) -> Decimal:
    """How much of the demand is left when all usage grows so: commitments stay, so what is on demand bears it all.

    1 where next to nothing is on demand: a change of all usage is no measure of it.
    """
    left = sum((sum(hours.values(), ZERO) for hours in pool.usage.values()), ZERO) / len(pool.hours())
    usage = left + pool.covered_hour
    if left <= usage / 100:
        return Decimal(1)
    return ratio(max(usage * growth - pool.covered_hour, ZERO) / left)


def read_offers(con: duckdb.DuckDBPyConnection, today: date) -> dict[tuple[str, str], list[Offer]]:
    """Offers per provider and program: those of commitment_offers.csv, and terms that the bill already shows."""
    offers: dict[tuple[str, str], list[Offer]] = defaultdict(list)
    for row in con.execute(_DECIDED, [today, today]).fetchall():
        offer_id, name, provider, program, kind, services, discount, term, payment, upfront = row
        found = Offer(offer_id, name, kind, services, ratio(discount), term, payment, ratio(upfront), "decision")
        offers[provider, program].append(found)
    for provider, program, kind, category, term, payment, services, used, covered in con.execute(_OBSERVED).fetchall():
        named = ("observed", kind, *([services] if services else []), term or "~unknown", payment or "~unknown")
        offer_id = "/".join(str(part) for part in named)
        known = "savings_plan" if category == "Spend" else "reservation"
        upfront = {"All Upfront": Decimal(1), "Partial Upfront": Decimal("0.5")}.get(payment or "", ZERO)
        discount = ratio(1 - used / covered)
        found = Offer(offer_id, kind, known, services, discount, term, payment, upfront, "bill")
        offers[provider, program].append(found)
    return offers
