"""The leaves of an incident, read from the ledger: which resource, SKU, region, service or account moved it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import duckdb
import numpy as np
import polars as pl

from forecasting.anomalies.causes import Cause, Leaf, rank
from forecasting.anomalies.grouping import Group, rounded

_DAYS_BEFORE = 56
_MOST_EXPLAINED = 200  # incidents, largest first
_MOST_CAUSES = 5  # per dimension
DIMENSIONS = ("resource", "sku", "region", "service", "account")
_CHARGES = """
select scopes.anomaly_id, cast(charges.charge_period_start as date) as day,
    coalesce(charges.resource_id, '~none') as resource, coalesce(charges.sku_id, '~none') as sku,
    coalesce(charges.region_id, '~none') as region, charges.service_name as service,
    coalesce(charges.sub_account_id, '~none') as account,
    cast(sum(charges.effective_cost) as double) as cost,
    case when count(distinct charges.pricing_unit) = 1 and count(charges.pricing_quantity) = count(*)
        then cast(sum(charges.pricing_quantity) as double) end as quantity,
    min(charges.pricing_unit) as unit
from int_focus__charges as charges
inner join scopes
    on charges.billing_currency = scopes.currency
    and (scopes.x_source is null or charges.x_source = scopes.x_source)
    and (scopes.sub_account_id is null or coalesce(charges.sub_account_id, '~none') = scopes.sub_account_id)
    and (scopes.service_name is null or charges.service_name = scopes.service_name)
    and cast(charges.charge_period_start as date) between scopes.first_day and scopes.last_day
where charges.charge_category = 'Usage'
    and (charges.commitment_discount_status is null or charges.commitment_discount_status <> 'Unused')
group by all
"""


def causes_of(con: duckdb.DuckDBPyConnection, groups: list[Group]) -> dict[str, list[tuple[str, int, Cause]]]:
    """Dimension, rank and cause of each incident, by anomaly id. A dimension with one value explains nothing."""
    chosen = sorted(groups, key=lambda group: (-abs(group.impact), group.anomaly_id))[:_MOST_EXPLAINED]
    scopes = [_scope(group) for group in chosen]
    if not scopes:
        return {}
    con.register("scopes", pl.DataFrame(scopes, infer_schema_length=None).to_arrow())
    charges = con.execute(_CHARGES).pl()
    con.unregister("scopes")
    by_anomaly = {str(key[0]): rows for key, rows in charges.group_by("anomaly_id")}
    return {
        group.anomaly_id: list(_ranked(group, by_anomaly[group.anomaly_id]))
        for group in chosen
        if group.anomaly_id in by_anomaly
    }


def _scope(group: Group) -> dict[str, Any]:
    scope = {key: value for key, value in group.scope().items() if key not in ("level", "cost_center_id")}
    days = list(group.days())
    return scope | {
        "anomaly_id": group.anomaly_id,
        "first_day": days[0] - timedelta(_DAYS_BEFORE),
        "last_day": days[-1],
    }


def _ranked(group: Group, charges: pl.DataFrame) -> Iterator[tuple[str, int, Cause]]:
    days = list(group.days())
    before = [days[0] - timedelta(back) for back in range(_DAYS_BEFORE, 0, -1)]
    for dimension in DIMENSIONS:
        leaves = [_leaf(str(key[0]), rows, before, days) for key, rows in charges.group_by(dimension)]
        if len(leaves) < 2 and dimension in ("service", "account", "region"):
            continue
        for number, cause in enumerate(rank(leaves, 1 if group.impact >= 0 else -1)[:_MOST_CAUSES], start=1):
            if cause.delta:
                yield dimension, number, cause


def _leaf(name: str, rows: pl.DataFrame, before: list[Any], days: list[Any]) -> Leaf:
    daily = {day: (cost, quantity) for day, cost, quantity in rows.group_by("day").agg(
        pl.col("cost").sum(), pl.when(pl.col("quantity").is_null().any()).then(None).otherwise(pl.col("quantity").sum())
    ).iter_rows()}  # fmt: skip
    is_one_unit = rows["unit"].n_unique() == 1
    nothing = (0.0, 0.0)
    weekdays = [daily.get(day, nothing)[1] for day in before[-7:-29:-7]]
    now = [daily.get(day, nothing)[1] for day in days]
    known = is_one_unit and None not in weekdays and None not in now
    return Leaf(
        name,
        np.array([daily.get(day, nothing)[0] for day in before]),
        float(np.mean([daily.get(day, nothing)[0] for day in days])),
        float(np.median(weekdays)) if known else None,
        float(np.mean(now)) if known else None,
    )


def in_words(causes: list[tuple[str, int, Cause]], currency: str) -> str | None:
    """The first cause of the narrowest dimension that explains two thirds of the change, as a sentence."""
    firsts = [(dimension, cause) for dimension, number, cause in causes if number == 1 and cause.score > 0]
    if not firsts:
        return None
    narrow = [(d, c) for d, c in firsts if c.share >= 2 / 3]
    dimension, cause = (narrow or firsts)[0]
    how = {"new": ", new", "ended": ", ended"}.get(cause.state, "")
    if not how and cause.quantity_effect is not None and cause.price_effect is not None:
        how = ", more of it" if cause.quantity_effect > abs(cause.price_effect) else ""
        how = ", at another price" if abs(cause.price_effect) > abs(cause.quantity_effect) else how
    return f"{dimension} {cause.name}: {rounded(cause.delta):+,} {currency} a day, {cause.share:.0%} of the change{how}"
