"""The purchase plan: what each offer would do for every pool of usage, which is best, how much of it to buy now.

Reads the built warehouse, lands the plan, its alternatives and today's recommendations as they stand (for their age).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import duckdb

from forecasting.commitments import ZERO, best_capacity, outcome, quantile
from forecasting.purchase_inputs import Kind, Offer, Pool, ratio, read_offers, read_pools
from forecasting.purchase_rows import MONTH_HOURS, Row, money, optional_ratio, plan_row, size_rows
from forecasting.recommendation_history import (
    baselines_of,
    freeze_baselines,
    keep_recommendations,
    todays_recommendations,
)
from pipelines.errors import SettingsError
from pipelines.landing.results import land_result
from pipelines.settings import Workspace

_STABLE = Decimal("0.1")  # what all but a tenth of the hours use
_LEAST_SAVING = Decimal(1)  # per month, in the pool's currency: below it nobody signs a contract


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


def plan_pool(pool: Pool, offers: list[Offer], today: date) -> tuple[list[Row], list[Row]]:
    """Rows of commitment_plan and commitment_what_if for one pool; what is chosen, after guard-rails, comes first.

    What saves most is chosen of: one plan over the whole program; the best reservation of every kind of usage; both in
    layers, reservations for what their usage always is and a plan over the rest (domain page 1.9.3).
    """
    hours = pool.hours()
    here = pool.offers_here(offers)
    plans: dict[str, Row] = {}
    sizes: list[Row] = []
    for offer in here:
        demand = pool.demand(hours, offer)
        plans[offer.offer_id] = plan_row(pool, offer, demand, today)
        sizes += size_rows(pool, offer, demand, today)
    reserved = [offer for offer in here if offer.kind == "reservation"]
    choices = [[plans[offer.offer_id]] for offer in here if offer.kind == "savings_plan"]
    choices.append([plans[offer.offer_id] for offer in _best_of_each_kind(reserved, plans)])
    alone = max(choices, key=_savings)
    layers = max(
        (_layers(pool, _best_of_each_kind(reserved, plans, above), above, hours, today) for above in here),
        key=_savings,
        default=[],
    )
    chosen_rows = layers if _savings(layers) >= _savings(alone) + _LEAST_SAVING else alone
    plans |= {row["offer_id"]: row for row in chosen_rows}
    chosen = {row["offer_id"] for row in chosen_rows if row["savings_month"] >= _LEAST_SAVING}
    found = sorted(plans.values(), key=lambda p: (p["offer_id"] not in chosen, -p["savings_month"], p["offer_id"]))
    for place, plan in enumerate(found, 1):
        plan["place"] = place
        plan["is_chosen"] = plan["offer_id"] in chosen
    return found, sizes


def _savings(rows: list[Row]) -> Decimal:
    return sum((row["savings_month"] for row in rows if row["savings_month"] >= _LEAST_SAVING), ZERO)


def _best_of_each_kind(reserved: list[Offer], plans: dict[str, Row], above: Offer | None = None) -> list[Offer]:
    """The reservation that saves most for every kind of usage; below a plan only those cheaper than it."""
    best: dict[Kind | None, Offer] = {}
    for offer in reserved:
        rival = best.get(offer.only)
        if above is not None and offer.discount <= above.discount:
            continue
        if rival is None or plans[offer.offer_id]["savings_month"] > plans[rival.offer_id]["savings_month"]:
            best[offer.only] = offer
    return list(best.values())


def _layers(pool: Pool, bases: list[Offer], above: Offer, hours: list[datetime], today: date) -> list[Row]:
    """Reservations, less flexible and cheaper, for the stable base (the lowest tenth of hours), a plan over the rest.

    None where a plan is not for the whole program or one of the two saves nothing.
    """
    if above.kind != "savings_plan" or above.services is not None:
        return []
    left = pool.demand(hours)
    rows: list[Row] = []
    taken_in_all = ZERO
    for base in bases:
        of_base = pool.demand(hours, base)
        stable = quantile(of_base, _STABLE) if of_base else ZERO
        if not stable:
            continue
        below = plan_row(pool, base, of_base, today, stable)
        if below["savings_month"] < _LEAST_SAVING:
            continue
        taken = below["guarded_commitment_hour"] / (1 - base.discount)
        left = [hour - min(own, taken) for hour, own in zip(left, of_base, strict=True)]
        taken_in_all += taken
        rows.append(below)
    if not rows:
        return []
    over = plan_row(replace(pool, covered_hour=pool.covered_hour + taken_in_all), above, left, today)
    return [*rows, over] if over["savings_month"] >= _LEAST_SAVING else []


def what_if(workspace: Workspace, pool_id: str, commitment: Decimal, discount: Decimal) -> Row:
    """What an hourly commitment (money) at a discount (0 to 1) off the price list would do; nothing is landed.

    `discount` of the answer counts from what usage pays now, after reductions that come by themselves.
    """
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        pools = {pool.pool_id: pool for pool in read_pools(con)}
    if pool_id not in pools:
        raise SettingsError(pool_id, "is no pool with usage on demand", fix=f"One of: {', '.join(sorted(pools))}")
    pool = pools[pool_id]
    tried = Offer("what-if", "What-if", "savings_plan", None, discount, None, None, ZERO, "decision")
    offered = pool.offers_here([tried])
    if not offered:
        raise SettingsError(
            f"{discount * 100:f} %",
            "takes nothing off what this usage pays now, which is cheaper by itself already",
            fix="Try a larger discount",
        )
    discount = offered[0].discount
    demand = pool.demand(pool.hours())
    done = outcome(commitment / (1 - discount), demand, discount)
    best = best_capacity(demand, discount)
    return {
        "pool_id": pool_id,
        "currency": pool.currency,
        "hours": len(demand),
        "commitment_hour": commitment,
        "discount": discount,
        "cost_month": money(done.total_cost * MONTH_HOURS / len(demand)),
        "savings_month": money(done.savings * MONTH_HOURS / len(demand)),
        "utilisation": optional_ratio(done.utilisation),
        "coverage": ratio(done.coverage),
        "effective_savings_rate": ratio(done.effective_savings_rate),
        "best_commitment_hour": money((1 - discount) * best),
        "best_savings_month": money(outcome(best, demand, discount).savings * MONTH_HOURS / len(demand)),
    }
