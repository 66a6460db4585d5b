"""What ending the planted waste truly saves a month: from the generator's own usage, prices and commitments.

A commitment is paid whatever happens: an hour's bill falls by the smaller of what ends and what its pool pays on
demand. Nothing here reads an export back, so a warehouse that agrees with it agrees with an independent calculation.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from pipelines.sample.aws_bill import monthly_bill
from pipelines.sample.azure_bill import commitments_of, monthly_lines
from pipelines.sample.azure_cost_details import series_text
from pipelines.sample.gcp_bill import SUSTAINED_PERCENT, pledges_of, usage_month
from pipelines.sample.meters import Meter
from pipelines.sample.money import UNIT
from pipelines.sample.months import Month
from pipelines.sample.sources import Order

DAYS = 30  # the bill is looked at over its last 30 days, or all of a shorter one; a month is 365 / 12 days
CURRENCIES = {"aws-payer": "USD", "aws-acquired": "USD", "azure-ea": "EUR", "gcp-main": "USD"}
# What commitments of one kind could pay for, wherever it runs: (service, start of the meter's name).
_POOLS: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "aws": {
        "compute": (("AmazonEC2", "BoxUsage"), ("AmazonECS", "Fargate"), ("AWSLambda", "")),
        "databases": (("AmazonRDS", "InstanceUsage"), ("AmazonElastiCache", "NodeUsage")),
    },
    "azure": {
        "compute": (("Virtual Machines", ""), ("Azure App Service", "")),
        "databases": (("SQL Database", ""), ("Azure Cosmos DB", ""), ("Redis Cache", "")),
    },
    "gcp": {
        "compute": (
            ("Compute Engine", "N"), ("Cloud Run", ""),
        ),
        "databases": (("Cloud SQL", ""),),
    },
}  # fmt: skip


def savings_of(order: Order, waste: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per provider and currency: what ending all priced waste saves now (of a year's average), and in the end.

    `waste` are the planted rows; each one that has a `share` gets its own `contract_month` (at contract prices, alone);
    one whose `instead_month` is known gets its share from that.
    """
    window = order.window
    start = max(window.end - 24 * DAYS, window.start)
    totals: dict[tuple[str, str], list[Decimal]] = {}
    for source, currency in CURRENCIES.items():
        provider = source.partition("-")[0]
        months = [_usage(order, source, month) for month in window.months if month.end > start]
        lines = pl.concat(months).filter(pl.col("start") >= start)
        plants = {
            row["resource_id"].lower(): row
            for row in waste
            if row["provider"] == provider and (row["share"] or row["instead_month"])
        }
        for (resource,), of_resource in lines.filter(
            pl.col("resource").is_in([key for key, row in plants.items() if row["instead_month"]])
        ).group_by("resource"):
            row = plants[str(resource)]
            cost = _a_month(int(of_resource["cost"].sum()), start, window.end)
            row["share"] = float(1 - Decimal(row["instead_month"]) / cost)
        ended = _ended(lines, {key: row["share"] for key, row in plants.items()})
        for (resource,), of_resource in ended.group_by("resource"):
            units = int((of_resource["cost"] * of_resource["share"]).sum())
            plants[str(resource)]["contract_month"] = f"{_a_month(units, start, window.end):.6f}"
        gross = _a_month(int((ended["cost"] * ended["share"]).sum()), start, window.end)
        kept = sum(
            (
                Decimal(plants[str(resource)]["contract_month"]) * plants[str(resource)]["kept_days"] / 365
                for resource in ended["resource"].unique()
            ),
            Decimal(0),
        )
        pools = lines["pool"].drop_nulls().unique()
        covered = sum((_covered(lines, ended, pool, start, window.end) for pool in pools), Decimal(0))
        total = totals.setdefault((provider, currency), [Decimal(0), Decimal(0)])
        total[0] += gross - covered - kept
        total[1] += gross
    return [
        {"provider": p, "currency": c, "net_now_month": f"{now:.6f}", "net_after_expiry_month": f"{later:.6f}"}
        for (p, c), (now, later) in totals.items()
    ]


def _ended(lines: pl.DataFrame, shares: dict[str, float | dict[str, float]]) -> pl.DataFrame:
    """The lines of those resources and what of each line ends: the same of all its meters, or of each another share."""

    def of_line(line: dict[str, str]) -> float:
        share = shares[line["resource"]]
        return share.get(line["meter"], 0.0) if isinstance(share, dict) else share

    mine = lines.filter(pl.col("resource").is_in(list(shares)))
    return mine.with_columns(share=pl.struct("resource", "meter").map_elements(of_line, pl.Float64))


def _covered(lines: pl.DataFrame, ended: pl.DataFrame, pool: str, start: int, end: int) -> Decimal:
    """What of the ended usage of a pool commitments keep costing, hour by hour."""
    on_demand, saved = (np.zeros(end - start) for _ in range(2))
    for hours, rows, share in ((on_demand, lines.filter(~pl.col("covered")), None), (saved, ended, "share")):
        rows = rows.filter(pl.col("pool") == pool)
        amounts = rows["cost"].to_numpy() * (rows[share].to_numpy() if share else 1.0)
        for first, length, amount in zip(rows["start"].to_list(), rows["hours"].to_list(), amounts, strict=True):
            hours[first - start : first - start + length] += amount / length
    return _a_month(int(np.maximum(saved - on_demand, 0).sum()), start, end)


def _a_month(units: int, start: int, end: int) -> Decimal:
    """Money of the hours from `start` to `end` in 1e-10 units as money of a month."""
    return Decimal(units) / UNIT * 365 * 24 / 12 / (end - start)


def _usage(order: Order, source: str, month: Month) -> pl.DataFrame:
    """Usage of a month at contract prices, whoever pays: resource, start, hours, cost (1e-10), covered, meter, pool."""
    provider = source.partition("-")[0]
    if provider == "aws":
        payer = order.payer(source, has_extras=False)
        bill = monthly_bill(payer, month).filter(
            pl.col("type").is_in(["Usage", "SavingsPlanCoveredUsage", "DiscountedUsage"])
        )
        fleet = payer.fleet
        meters = {(m.service, m.name): _pool(provider, m) for m in fleet.estate.meters}
        return bill.select(
            resource=pl.col("resource_id").str.to_lowercase(),
            start="start",
            hours=pl.col("end") - pl.col("start"),
            cost="list_cost",
            covered=pl.col("type") != "Usage",
            meter=pl.col("usage_type").str.replace("^(EU|EUC1)-", ""),
            pool=pl.struct("service", pl.col("usage_type").str.replace("^(EU|EUC1)-", "")).map_elements(
                lambda key: meters.get((key["service"], key["usage_type"])), pl.String
            ),
        )
    fleet = order.fleet(source)
    names = [fleet.estate.meters[meter].name for meter in fleet.table["meter"]]
    pools = [_pool(provider, fleet.estate.meters[meter]) for meter in fleet.table["meter"]]
    if provider == "azure":
        resources = [name.lower() for name in series_text(fleet)["ResourceId"]]
        lines = monthly_lines(fleet, commitments_of(fleet), month)[1].filter(pl.col("charge") == "Usage")
        contract = pl.Series(fleet.price[lines["series"].to_numpy()])
        digits = pl.Series(10 ** (4 - fleet.quantity_digits[lines["series"].to_numpy()]))
        cost, covered = lines["quantity"] // digits * contract, lines["commitment"] >= 0
        hours = pl.Series(np.where(fleet.hourly[lines["series"].to_numpy()], 1, 24))
    else:
        resources = [name.lower() for name in fleet.table["resource"]]
        lines = usage_month(fleet, pledges_of(fleet), month).filter(pl.col("series").is_not_null())
        sustained = (lines["credit_kind"] == "sustained").fill_null(False)
        cost = pl.Series(np.where(sustained, lines["list_cost"] * (100 - SUSTAINED_PERCENT) // 100, lines["list_cost"]))
        covered = (lines["credit_kind"].is_in(["cud", "dollar"]).fill_null(False)) | lines[
            "consumption_model"
        ].is_not_null()
        hours = lines["end"] - lines["start"]
    series = lines["series"].to_list()
    return pl.DataFrame(
        {
            "resource": [resources[index] for index in series],
            "start": lines["start"],
            "hours": hours,
            "cost": cost,
            "covered": covered,
            "meter": [names[index] for index in series],
            "pool": [pools[index] for index in series],
        }
    )


def _pool(provider: str, meter: Meter) -> str | None:
    for pool, members in _POOLS[provider].items():
        if any(meter.service == service and meter.name.startswith(start) for service, start in members):
            return None if "Spot" in meter.name else pool
    return None
