"""The purchase plan: what each offer would do for every pool of usage, which is best, how much of it to buy now.

Reads the built warehouse, lands the plan, its alternatives and today's recommendations as they stand (for their age).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from fnmatch import fnmatchcase
from typing import Any

import duckdb

from forecasting.commitments import ZERO, best_capacity, break_even_months, marginal_saving, outcome, quantile
from forecasting.purchase_guards import guarded, warnings
from forecasting.recommendation_history import (
    baselines_of,
    freeze_baselines,
    keep_recommendations,
    todays_recommendations,
)
from pipelines.errors import SettingsError
from pipelines.landing.results import land_result
from pipelines.settings import Workspace

Row = dict[str, Any]
MONTH_HOURS = 730
WEEK_HOURS = 168
_STABLE = Decimal("0.1")  # what all but a tenth of the hours use
_LEAST_SAVING = Decimal(1)  # per month, in the pool's currency: below it nobody signs a contract
_CENT_OF_CENTS = Decimal("0.0001")  # commitments are sold with four decimals at most


@dataclass(frozen=True)
class Offer:
    offer_id: str
    name: str
    kind: str  # savings_plan | reservation
    services: str | None  # pattern of service names; None for all of the program
    discount: Decimal
    term_months: int | None
    payment_option: str | None
    upfront: Decimal  # share of the whole term's cost that is paid at once
    source: str  # decision | bill


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
    services: dict[str, dict[datetime, Decimal]] = field(default_factory=lambda: defaultdict(dict))

    def demand(self, hours: Iterable[datetime], services: str | None = None) -> list[Decimal]:
        chosen = [s for s in self.services if services is None or fnmatchcase(s, services)]
        return [sum((self.services[s].get(hour, ZERO) for s in chosen), ZERO) for hour in hours]


_DEMAND = """
select pool_id, provider, billing_account_id, program, currency, service_name, charge_hour, min(is_hourly),
    cast(sum(residual_cost) as decimal(28, 12))
from int_commitments__demand group by all order by all
"""
_COVERED = """
select h.pool_id, cast(sum(h.covered_cost) as decimal(28, 12)), max(w.days) from int_commitments__hours as h
cross join int_savings__window as w where h.charge_date between w.first_day and w.last_day group by h.pool_id
"""
_PURCHASES = "select pool_id, max(starts_on) from fct_commitments group by pool_id"
_DECIDED = """
select offer_id, name, provider, program, kind, services, discount_percent / 100.0, term_months, payment_option,
    upfront_percent / 100.0
from stg_decisions__commitment_offers
where valid_from <= ? and valid_to > ? order by offer_id
"""
# Terms that the customer already has, where they still save something: the newest discount that the bill shows.
_OBSERVED = """
select provider, program, any_value(commitment_type), any_value(commitment_category), term_months,
    payment_option, sum(used_cost), sum(covered_cost)
from fct_commitments
where covered_cost > 0
group by provider, program, commitment_type, term_months, payment_option
having sum(covered_cost) > sum(used_cost) order by all
"""


def recommend(workspace: Workspace) -> str:
    """Plan, land, and say in one line what was found. Repeats byte for byte on the same data."""
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        today = _today(con)
        pools = read_pools(con)
        offers = read_offers(con, today) if today else {}
        recommendations = todays_recommendations(con)
        baselines = baselines_of(con)
    plans: list[Row] = []
    sizes: list[Row] = []
    if today:
        for pool in pools:
            for_pool, what_if = plan_pool(pool, offers.get((pool.provider, pool.program), []), today)
            plans += for_pool
            sizes += what_if
    land_result(workspace, "commitment_plan", plans)
    land_result(workspace, "commitment_what_if", sizes)
    keep_recommendations(workspace, today, recommendations)
    freeze_baselines(workspace, baselines)
    bought = sum(plan["is_chosen"] for plan in plans)
    return f"planned    {len(recommendations)} recommendations on resources, {bought} purchases in {len(pools)} pools"


def _today(con: duckdb.DuckDBPyConnection) -> date | None:
    row = con.execute("select last_day from int_savings__window").fetchone()
    return row[0] if row else None


def read_pools(con: duckdb.DuckDBPyConnection) -> list[Pool]:
    """Demand per pool, service and hour, net of commitments and of savings that come first."""
    pools: dict[str, Pool] = {}
    for pool_id, provider, account, program, currency, service, hour, is_hourly, cost in con.execute(
        _DEMAND
    ).fetchall():
        pool = pools.setdefault(pool_id, Pool(pool_id, provider, account, program, currency))
        pool.is_hourly = pool.is_hourly and bool(is_hourly)
        pool.services[service][hour] = cost
    for pool_id, covered, days in con.execute(_COVERED).fetchall():
        if pool_id in pools:
            pools[pool_id].covered_hour = covered / (24 * days)
    for pool_id, bought in con.execute(_PURCHASES).fetchall():
        if pool_id in pools:
            pools[pool_id].last_purchase = bought
    return list(pools.values())


def read_offers(con: duckdb.DuckDBPyConnection, today: date) -> dict[tuple[str, str], list[Offer]]:
    """Offers per provider and program: those of commitment_offers.csv, and terms that the bill already shows."""
    offers: dict[tuple[str, str], list[Offer]] = defaultdict(list)
    for row in con.execute(_DECIDED, [today, today]).fetchall():
        offer_id, name, provider, program, kind, services, discount, term, payment, upfront = row
        found = Offer(offer_id, name, kind, services, _ratio(discount), term, payment, _ratio(upfront), "decision")
        offers[provider, program].append(found)
    for provider, program, kind, category, term, payment, used, covered in con.execute(_OBSERVED).fetchall():
        offer_id = "/".join(str(part) for part in ("observed", kind, term or "~unknown", payment or "~unknown"))
        known = "savings_plan" if category == "Spend" else "reservation"
        upfront = {"All Upfront": Decimal(1), "Partial Upfront": Decimal("0.5")}.get(payment or "", ZERO)
        discount = _ratio(1 - used / covered)
        offers[provider, program].append(Offer(offer_id, kind, known, None, discount, term, payment, upfront, "bill"))
    return offers


def plan_pool(pool: Pool, offers: list[Offer], today: date) -> tuple[list[Row], list[Row]]:
    """Rows of commitment_plan and commitment_what_if for one pool; what is chosen, after guard-rails, comes first.

    One offer is chosen, or two in layers where that saves more: a reservation for what its services always use, and a
    plan over the rest.
    """
    days = sorted({hour.date() for service in pool.services.values() for hour in service})
    hours = [datetime(day.year, day.month, day.day, hour) for day in days for hour in range(24)]
    plans: dict[str, Row] = {}
    sizes: list[Row] = []
    for offer in offers:
        demand = pool.demand(hours, offer.services)
        if any(demand):
            plans[offer.offer_id] = _plan(pool, offer, demand, today)
            sizes += _sizes(pool, offer, demand, best_capacity(demand, offer.discount), today)
    alone = max(plans.values(), key=lambda plan: plan["savings_month"], default=None)
    layers = _layers(pool, offers, hours, today)
    in_layers = sum((layer["savings_month"] for layer in layers), ZERO)
    if alone is None or in_layers < alone["savings_month"] + _LEAST_SAVING:
        layers = []
    plans |= {layer["offer_id"]: layer for layer in layers}
    chosen = {layer["offer_id"] for layer in layers} or ({alone["offer_id"]} if alone else set())
    found = sorted(plans.values(), key=lambda p: (p["offer_id"] not in chosen, -p["savings_month"], p["offer_id"]))
    for place, plan in enumerate(found, 1):
        plan["place"] = place
        plan["is_chosen"] = plan["offer_id"] in chosen and plan["savings_month"] >= _LEAST_SAVING
    return found, sizes


def _is_above(plan: Offer, base: Offer) -> bool:
    """A plan over the whole program, which is dearer than the reservation below it."""
    return plan.kind == "savings_plan" and plan.services is None and plan.discount < base.discount


def _layers(pool: Pool, offers: list[Offer], hours: list[datetime], today: date) -> list[Row]:
    """The reservation and the plan that save most together; none where no pair does (domain page 1.9.3).

    The less flexible and cheaper one takes the stable base only, the lowest tenth of its services' hours.
    """
    best: list[Row] = []
    for base in (offer for offer in offers if offer.kind == "reservation" and offer.services):
        of_base = pool.demand(hours, base.services)
        stable = quantile(of_base, _STABLE) if of_base else ZERO
        for rest in (offer for offer in offers if _is_above(offer, base)):
            if not stable:
                continue
            below = _plan(pool, base, of_base, today, stable)
            taken = below["guarded_commitment_hour"] / (1 - base.discount)
            left = [hour - min(own, taken) for hour, own in zip(pool.demand(hours), of_base, strict=True)]
            above = _plan(replace(pool, covered_hour=pool.covered_hour + taken), rest, left, today)
            pair = [below, above]
            if min(layer["savings_month"] for layer in pair) < _LEAST_SAVING:
                continue
            if sum(layer["savings_month"] for layer in pair) > sum((row["savings_month"] for row in best), ZERO):
                best = pair
    return best


def _plan(pool: Pool, offer: Offer, demand: list[Decimal], today: date, most: Decimal | None = None) -> Row:
    """A row of commitment_plan: the best size of an offer on this demand, at most `most`, after guard-rails."""
    best = best_capacity(demand, offer.discount)
    if most is not None:
        best = min(best, most)
    kept = guarded(best, demand, pool.covered_hour, offer.term_months, pool.last_purchase, today)
    # Whole ten-thousandths, rounded down: never more than planned.
    commitment = ((1 - offer.discount) * kept.capacity).quantize(_CENT_OF_CENTS, ROUND_DOWN)
    now = ((1 - offer.discount) * kept.now).quantize(_CENT_OF_CENTS, ROUND_DOWN)
    done = outcome(commitment / (1 - offer.discount), demand, offer.discount)
    ideal = outcome(best, demand, offer.discount)
    savings = done.savings * MONTH_HOURS / len(demand)
    # A few bad days in many weeks may pull the mean out of the tenths; a band always holds what it is the band of.
    weeks = _weekly_savings(commitment / (1 - offer.discount), demand, offer.discount)
    low, high = (quantile(weeks, Decimal(tenth) / 10) for tenth in (1, 9))
    term_hours = MONTH_HOURS * (offer.term_months or 0)
    findings = kept.findings + warnings(done, offer.discount, offer.term_months, pool.is_hourly)
    used = Decimal(sum(hour >= best for hour in demand)) / len(demand)
    return {
        "plan_id": hashlib.sha256(f"{pool.pool_id}|{offer.offer_id}".encode()).hexdigest()[:32],
        "run_date": today,
        "pool_id": pool.pool_id,
        "provider": pool.provider,
        "billing_account_id": pool.billing_account_id,
        "program": pool.program,
        "currency": pool.currency,
        "offer_id": offer.offer_id,
        "offer_name": offer.name,
        "action_type": "PurchaseSavingsPlans" if offer.kind == "savings_plan" else "PurchaseReservedInstances",
        "scope": offer.services,
        "term_months": offer.term_months,
        "payment_option": offer.payment_option,
        "discount": offer.discount,
        "offer_source": offer.source,
        "hours": len(demand),
        "granularity": "hour" if pool.is_hourly else "day",
        "demand_mean_hour": _money(sum(demand, ZERO) / len(demand)),
        "best_capacity_hour": best,
        "best_commitment_hour": _money((1 - offer.discount) * best),
        "guarded_commitment_hour": _money(commitment),
        "buy_now_commitment_hour": _money(now),
        "commitment_cost_month": _money(commitment * MONTH_HOURS),
        "savings_best_month": _money(ideal.savings * MONTH_HOURS / len(demand)),
        "savings_month": _money(savings),
        "savings_low_month": _money(min(low, savings)),
        "savings_high_month": _money(max(high, savings)),
        "utilisation": _optional(done.utilisation),
        "coverage_after": _ratio(done.coverage),
        "effective_savings_rate_after": _ratio(done.effective_savings_rate),
        "marginal_saving": _ratio(marginal_saving(demand, offer.discount)),
        "break_even_months": _ratio(break_even_months(offer.discount, offer.term_months))
        if offer.term_months
        else None,
        "upfront_cost": _money(now * term_hours * offer.upfront),
        "guard_rails": json.dumps(findings),
        "evidence": json.dumps(
            {
                "demand_hours": len(demand),
                "demand_days": len(demand) // 24,
                "demand_total": str(done.demand),
                "quantile": str(offer.discount),
                "capacity_hour": str(best),
                "share_of_hours_that_use_it_all": str(_ratio(used)),
                "least_share_that_pays": str(1 - offer.discount),
                "covered_total": str(_money(done.covered)),
                "commitment_total": str(_money(done.cost)),
                "savings_total": str(_money(done.savings)),
                "covered_already_hour": str(_money(pool.covered_hour)),
                "weeks": len(weeks),
            }
        ),
    }


def _weekly_savings(capacity: Decimal, demand: list[Decimal], discount: Decimal) -> list[Decimal]:
    """Savings per month if all weeks were like the seven days from each day on; of all days where there are fewer."""
    weeks = [demand[i : i + WEEK_HOURS] for i in range(0, len(demand) - WEEK_HOURS + 1, 24)] or [demand]
    return [outcome(capacity, week, discount).savings * MONTH_HOURS / len(week) for week in weeks]


def _sizes(pool: Pool, offer: Offer, demand: list[Decimal], best: Decimal, today: date) -> list[Row]:
    """Nothing, every tenth of the hours, and the best."""
    capacities = {ZERO, best} | {quantile(demand, Decimal(n) / 10) for n in range(1, 11)}
    rows = []
    for capacity in sorted(capacities):
        done = outcome(capacity, demand, offer.discount)
        rows.append(
            {
                "run_date": today,
                "pool_id": pool.pool_id,
                "offer_id": offer.offer_id,
                "currency": pool.currency,
                "discount": offer.discount,
                "capacity_hour": capacity,
                "commitment_hour": _money((1 - offer.discount) * capacity),
                "hours": len(demand),
                "cost_month": _money(done.total_cost * MONTH_HOURS / len(demand)),
                "savings_month": _money(done.savings * MONTH_HOURS / len(demand)),
                "utilisation": _optional(done.utilisation),
                "coverage": _ratio(done.coverage),
                "effective_savings_rate": _ratio(done.effective_savings_rate),
                "is_best": capacity == best,
            }
        )
    return rows


def what_if(workspace: Workspace, pool_id: str, commitment: Decimal, discount: Decimal) -> Row:
    """What an hourly commitment (money) at a discount (0 to 1) would do in a pool; nothing is landed."""
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        pools = {pool.pool_id: pool for pool in read_pools(con)}
    if pool_id not in pools:
        raise SettingsError(pool_id, "is no pool with usage on demand", fix=f"One of: {', '.join(sorted(pools))}")
    pool = pools[pool_id]
    days = sorted({hour.date() for service in pool.services.values() for hour in service})
    demand = pool.demand([datetime(d.year, d.month, d.day, h) for d in days for h in range(24)])
    done = outcome(commitment / (1 - discount), demand, discount)
    best = best_capacity(demand, discount)
    return {
        "pool_id": pool_id,
        "currency": pool.currency,
        "hours": len(demand),
        "commitment_hour": commitment,
        "discount": discount,
        "cost_month": _money(done.total_cost * MONTH_HOURS / len(demand)),
        "savings_month": _money(done.savings * MONTH_HOURS / len(demand)),
        "utilisation": _optional(done.utilisation),
        "coverage": _ratio(done.coverage),
        "effective_savings_rate": _ratio(done.effective_savings_rate),
        "best_commitment_hour": _money((1 - discount) * best),
        "best_savings_month": _money(outcome(best, demand, discount).savings * MONTH_HOURS / len(demand)),
    }


def _money(value: Decimal) -> Decimal:
    return value.quantize(Decimal("1e-12"))


def _ratio(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("1e-6"))


def _optional(value: Decimal | None) -> Decimal | None:
    return None if value is None else _ratio(value)
