"""The answer file: what every source bills per month, added up from the generator's own whole numbers.

Nothing here reads an export back, so a warehouse that agrees with it agrees with an independent sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl

from pipelines.sample.money import total_text


@dataclass(frozen=True)
class Total:
    """Totals of one source and billing period, as texts that lose no digit."""

    source: str
    period: str
    currency: str
    rows: int
    billed: str
    effective: str | None
    by_sub_account: Mapping[str, str]
    by_service: Mapping[str, str]
    rows_by_dataset: Mapping[str, int] = field(default_factory=dict)
    invoice_id: str = ""  # the invoice that the charges name
    parts: tuple[
        tuple[str, str, Decimal], ...
    ] = ()  # of billed, without sellers': usage | tax | credit, of what, how much
    sellers: Mapping[str, Decimal] = field(default_factory=dict)  # billed cost that marketplace sellers invoice

    def as_json(self) -> dict[str, object]:
        return {
            "source": self.source,
            "billing_period": self.period,
            "currency": self.currency,
            "rows": self.rows,
            **({"rows_by_dataset": dict(self.rows_by_dataset)} if self.rows_by_dataset else {}),
            "billed": self.billed,
            "effective": self.effective,
            "billed_by_sub_account": dict(self.by_sub_account),
            "billed_by_service": dict(self.by_service),
        }


def parts_of(
    lines: pl.DataFrame, kind: pl.Expr, service: str, seller: pl.Expr, column: str = "cost", tail: str | None = None
) -> tuple[tuple[tuple[str, str, Decimal], ...], dict[str, Decimal]]:
    """Billed cost by kind and service, and that of the lines that have a seller by seller."""
    summed = (
        lines.with_columns(kind=kind, seller=seller)
        .group_by(
            "seller", "kind", pl.when(pl.col("kind") == "usage").then(pl.col(service)).fill_null("Other").alias("of")
        )
        .agg(pl.col(column).sum().alias("units"), (pl.col(tail).sum() if tail else pl.lit(0)).alias("tail"))
        .sort("seller", "kind", "of", nulls_last=True)
    )
    parts: list[tuple[str, str, Decimal]] = []
    sellers: dict[str, Decimal] = {}
    for row in summed.iter_rows(named=True):
        amount = Decimal(total_text(row["units"], row["tail"]))
        if row["seller"]:
            sellers[row["seller"]] = sellers.get(row["seller"], Decimal(0)) + amount
        else:
            parts.append((row["kind"], row["of"] if row["kind"] == "usage" else row["kind"].title(), amount))
    return tuple(parts), sellers


def sum_text(lines: pl.DataFrame, column: str = "cost", tail: str | None = None) -> str:
    return total_text(int(lines[column].sum()), int(lines[tail].sum()) if tail else 0)


def sums_by(lines: pl.DataFrame, key: str, column: str = "cost", tail: str | None = None) -> dict[str, str]:
    """Billed total of each value of `key`, sorted; lines without one count under the empty text."""
    summed = (
        lines.group_by(pl.col(key).fill_null("").alias("key"))
        .agg(pl.col(column).sum().alias("units"), (pl.col(tail).sum() if tail else pl.lit(0)).alias("tail"))
        .sort("key")
    )
    return {row["key"]: total_text(row["units"], row["tail"]) for row in summed.iter_rows(named=True)}
