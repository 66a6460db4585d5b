"""AWS Data Exports, CUR 2.0: Parquet with maps, a new folder per execution, a manifest when it is complete."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.sample.aws_bill import Payer
from pipelines.sample.estate import derived_id
from pipelines.sample.files import halves, write_json, write_parquet
from pipelines.sample.money import to_double
from pipelines.sample.months import Month, hour_of
from pipelines.sample.tags import TagSet

EXPORT, BUCKET, PREFIX = "finops-cur2", "halden-billing-exports", "cur2"

# The 115 columns of the Cloud Intelligence Dashboards query.
# :D double, :TS timestamp, :M map of text, :MD map of double.
_COLUMNS = """
bill_bill_type bill_billing_entity bill_billing_period_end_date:TS bill_billing_period_start_date:TS bill_invoice_id
bill_invoicing_entity bill_payer_account_id bill_payer_account_name cost_category:M discount:MD
discount_bundled_discount:D discount_total_discount:D identity_line_item_id identity_time_interval
line_item_availability_zone line_item_blended_cost:D line_item_blended_rate line_item_currency_code
line_item_legal_entity line_item_line_item_description line_item_line_item_type line_item_net_unblended_cost:D
line_item_net_unblended_rate line_item_normalization_factor:D line_item_normalized_usage_amount:D line_item_operation
line_item_product_code line_item_resource_id line_item_tax_type line_item_unblended_cost:D line_item_unblended_rate
line_item_usage_account_id line_item_usage_account_name line_item_usage_amount:D line_item_usage_end_date:TS
line_item_usage_start_date:TS line_item_usage_type pricing_currency pricing_lease_contract_length
pricing_offering_class pricing_public_on_demand_cost:D pricing_public_on_demand_rate pricing_purchase_option
pricing_rate_code pricing_rate_id pricing_term pricing_unit product:M product_comment product_fee_code
product_fee_description product_from_location product_from_location_type product_from_region_code
product_instance_family product_instance_type product_instancesku product_location product_location_type
product_operation product_pricing_unit product_product_family product_region_code product_servicecode product_sku
product_to_location product_to_location_type product_to_region_code product_usagetype
reservation_amortized_upfront_cost_for_usage:D reservation_amortized_upfront_fee_for_billing_period:D
reservation_availability_zone reservation_effective_cost:D reservation_end_time reservation_modification_status
reservation_net_amortized_upfront_cost_for_usage:D reservation_net_amortized_upfront_fee_for_billing_period:D
reservation_net_effective_cost:D reservation_net_recurring_fee_for_usage:D
reservation_net_unused_amortized_upfront_fee_for_billing_period:D reservation_net_unused_recurring_fee:D
reservation_net_upfront_value:D reservation_normalized_units_per_reservation reservation_number_of_reservations
reservation_recurring_fee_for_usage:D reservation_reservation_a_r_n reservation_start_time reservation_subscription_id
reservation_total_reserved_normalized_units reservation_total_reserved_units reservation_units_per_reservation
reservation_unused_amortized_upfront_fee_for_billing_period:D reservation_unused_normalized_unit_quantity:D
reservation_unused_quantity:D reservation_unused_recurring_fee:D reservation_upfront_value:D resource_tags:M
savings_plan_amortized_upfront_commitment_for_billing_period:D savings_plan_end_time savings_plan_instance_type_family
savings_plan_net_amortized_upfront_commitment_for_billing_period:D
savings_plan_net_recurring_commitment_for_billing_period:D savings_plan_net_savings_plan_effective_cost:D
savings_plan_offering_type savings_plan_payment_option savings_plan_purchase_term
savings_plan_recurring_commitment_for_billing_period:D savings_plan_region savings_plan_savings_plan_a_r_n
savings_plan_savings_plan_effective_cost:D savings_plan_savings_plan_rate:D savings_plan_start_time
savings_plan_total_commitment_to_date:D savings_plan_used_commitment:D tags:M
"""
COLUMNS = _COLUMNS.split()

_MAP = pa.map_(pa.string(), pa.string())
_TYPES = {
    "": pa.string(),
    "D": pa.float64(),
    "TS": pa.timestamp("ms"),
    "M": _MAP,
    "MD": pa.map_(pa.string(), pa.float64()),
}
_MANIFEST_TYPES = {"": "string", "D": "double", "TS": "timestamp", "M": "map", "MD": "map"}
SCHEMA = [(name, _TYPES[kind], _MANIFEST_TYPES[kind]) for name, _, kind in (c.partition(":") for c in COLUMNS)]

_MONEY = {
    "line_item_unblended_cost": "cost", "line_item_blended_cost": "cost", "pricing_public_on_demand_cost": "list_cost",
    "savings_plan_savings_plan_effective_cost": "plan_effective", "savings_plan_savings_plan_rate": "plan_rate",
    "savings_plan_total_commitment_to_date": "plan_total", "savings_plan_used_commitment": "plan_used",
    "savings_plan_recurring_commitment_for_billing_period": "plan_recurring",
    "savings_plan_amortized_upfront_commitment_for_billing_period": "plan_upfront",
    "reservation_effective_cost": "ri_effective", "reservation_amortized_upfront_cost_for_usage": "ri_upfront",
    "reservation_recurring_fee_for_usage": "ri_recurring",
    "reservation_amortized_upfront_fee_for_billing_period": "ri_period_upfront",
    "reservation_unused_amortized_upfront_fee_for_billing_period": "ri_unused_upfront",
    "reservation_unused_recurring_fee": "ri_unused_recurring", "reservation_upfront_value": "ri_upfront_value",
}  # fmt: skip
_TEXT = {
    "bill_bill_type": "bill_type", "bill_billing_entity": "billing_entity", "line_item_legal_entity": "legal_entity",
    "line_item_availability_zone": "az", "line_item_line_item_description": "description",
    "line_item_line_item_type": "type", "line_item_operation": "operation", "line_item_product_code": "service",
    "line_item_resource_id": "resource_id", "line_item_tax_type": "tax_type", "line_item_unblended_rate": "rate",
    "line_item_blended_rate": "rate", "line_item_usage_account_id": "account_id", "line_item_usage_type": "usage_type",
    "pricing_public_on_demand_rate": "rate", "pricing_unit": "unit", "product_instance_type": "instance_type",
    "product_operation": "operation", "product_pricing_unit": "unit", "product_product_family": "family",
    "product_region_code": "region", "product_servicecode": "service", "product_sku": "sku",
    "product_usagetype": "usage_type",
}  # fmt: skip


def write_month(
    root: Path, payer: Payer, month: Month, lines: pl.DataFrame, has_older: bool, parts: int, is_open: bool
) -> None:
    """Write the newest execution of a month and, where asked, the complete older one that it replaced."""
    table = cur2_table(payer, month, lines, is_open)
    if has_older:
        early = lines["start"].to_numpy() < hour_of(month.first_day.replace(day=20))
        seen = early & ~lines["type"].is_in(["Tax", "Credit", "Refund", "EdpDiscount"]).to_numpy()
        when = f"{month.period}-20T05:41:17.904Z"
        _write_execution(root, payer, month, table.filter(pa.array(seen)), when, 1, is_latest=False)
    next_month = month.plus(1)
    _write_execution(root, payer, month, table, f"{next_month.period}-05T04:12:33.518Z", parts, is_latest=True)


def cur2_table(payer: Payer, month: Month, lines: pl.DataFrame, is_open: bool) -> pa.Table:
    columns = {name: pa.nulls(lines.height, kind) for name, kind, _ in SCHEMA}
    for name, column in _MONEY.items():
        columns[name] = _double(lines[column], 1)
    for name, column in _TEXT.items():
        columns[name] = lines[column].to_arrow().cast(pa.string())
    columns["line_item_usage_amount"] = _double(lines["quantity"], 10_000)
    columns["reservation_unused_quantity"] = _double(lines["ri_unused_quantity"], 10_000)
    columns |= _bill(payer, month, lines, is_open) | _commitments(payer, lines) | _maps(payer, lines)
    return pa.table(
        [columns[name] for name, _, _ in SCHEMA], schema=pa.schema([(name, kind) for name, kind, _ in SCHEMA])
    )


def _write_execution(
    root: Path, payer: Payer, month: Month, table: pa.Table, when: str, parts: int, is_latest: bool
) -> None:
    execution = derived_id("cur2", payer.payer_id, month.period, when)
    period, run = f"BILLING_PERIOD={month.period}", f"{when}-{execution}"
    export = root / PREFIX / EXPORT
    names = [f"{EXPORT}-{part + 1:05d}.snappy.parquet" for part in range(parts)]
    for name, (offset, length) in zip(names, halves(table.num_rows, parts), strict=True):
        write_parquet(export / "data" / period / run / name, table.slice(offset, length))
    manifest = {
        "executionId": execution,
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{payer.payer_id}:export/"
        f"{EXPORT}-{derived_id('export', EXPORT)}",
        "columns": [{"name": name, "type": kind} for name, _, kind in SCHEMA],
        "dataFiles": [f"s3://{BUCKET}/{PREFIX}/{EXPORT}/data/{period}/{run}/{name}" for name in names],
        "additionalOutputFiles": [],
    }
    write_json(export / "metadata" / period / run / f"{EXPORT}-Manifest.json", manifest)
    if is_latest:
        write_json(export / "metadata" / period / f"{EXPORT}-Manifest.json", manifest)


def _double(values: pl.Series, scale: int) -> pa.Array:
    empty = values.is_null().to_numpy()
    return pa.array(to_double(values.fill_null(0).to_numpy() * scale), mask=empty)


def _repeat(text: str | None, rows: int) -> pa.Array:
    return pa.nulls(rows, pa.string()) if text is None else pa.repeat(pa.scalar(text), rows)


def _bill(payer: Payer, month: Month, lines: pl.DataFrame, is_open: bool) -> dict[str, pa.Array]:
    rows = lines.height
    names = {account.id: account.name for account in payer.fleet.estate.accounts}
    start, end = lines["start"].to_numpy(), lines["end"].to_numpy()
    stamp = pa.timestamp("ms")
    invoice = None if is_open else invoice_id(payer, month)
    marketplace = pl.col("billing_entity") == "AWS Marketplace"
    texts = lines.select(
        invoicing=pl.when(marketplace).then(pl.col("legal_entity")).otherwise(pl.lit("Amazon Web Services EMEA SARL")),
        account=pl.col("account_id").replace_strict(names),
        interval=time_interval(),
        item=line_item_ids(lines.height, month),
    )
    return {
        "bill_billing_period_start_date": _hours(np.full(rows, month.start), stamp),
        "bill_billing_period_end_date": _hours(np.full(rows, month.end), stamp),
        "bill_invoice_id": _repeat(invoice, rows),
        "bill_invoicing_entity": texts["invoicing"].to_arrow().cast(pa.string()),
        "bill_payer_account_id": _repeat(payer.payer_id, rows),
        "bill_payer_account_name": _repeat(payer.fleet.estate.accounts[0].name, rows),
        "identity_line_item_id": texts["item"].to_arrow().cast(pa.string()),
        "identity_time_interval": texts["interval"].to_arrow().cast(pa.string()),
        "line_item_currency_code": _repeat("USD", rows),
        "line_item_usage_account_name": texts["account"].to_arrow().cast(pa.string()),
        "line_item_usage_start_date": _hours(start, stamp),
        "line_item_usage_end_date": _hours(end, stamp),
        "pricing_currency": _repeat("USD", rows),
        "pricing_term": lines.select(pricing_term()).to_series().to_arrow().cast(pa.string()),
    }


def invoice_id(payer: Payer, month: Month) -> str:
    return f"{int(payer.payer_id[:5]) * 97 + month.year * 12 + month.month:010d}"


def _hours(hours: np.ndarray, stamp: pa.DataType) -> pa.Array:
    return pa.array(hours * 3_600_000, pa.int64()).cast(stamp)


def time_interval() -> pl.Expr:
    def iso(name: str) -> pl.Expr:
        return pl.from_epoch(pl.col(name) * 3600, time_unit="s").dt.strftime("%Y-%m-%dT%H:%M:%SZ")

    return pl.concat_str(iso("start"), pl.lit("/"), iso("end"))


def line_item_ids(rows: int, month: Month) -> pl.Series:
    """Opaque ids, unique within one month's version and only there."""
    mixed = np.arange(1, rows + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(month.start)
    return pl.Series(mixed).cast(pl.String).str.zfill(20)


def pricing_term() -> pl.Expr:
    kind = pl.col("type")
    spot = pl.col("usage_type").str.contains("SpotUsage").fill_null(False)
    return (
        pl.when(kind.is_in(["DiscountedUsage", "RIFee"])).then(pl.lit("Reserved"))
        .when(spot).then(pl.lit("Spot"))
        .when(kind.is_in(["Usage", "SavingsPlanCoveredUsage"])).then(pl.lit("OnDemand"))
    )  # fmt: skip


def commitment_texts(payer: Payer, lines: pl.DataFrame) -> dict[str, pl.Series]:
    """Text columns of commitments, by CUR 2.0 name."""

    def iso(hour: int) -> str:
        return f"{np.datetime64(hour, 'h').astype('datetime64[s]')}.000Z"

    plans = [
        {"savings_plan_savings_plan_a_r_n": plan.arn, "savings_plan_start_time": iso(plan.start),
         "savings_plan_end_time": iso(plan.end), "savings_plan_offering_type": plan.offering,
         "savings_plan_payment_option": plan.payment, "savings_plan_purchase_term": plan.term,
         "savings_plan_region": "eu-west-1" if plan.is_upfront else None,
         "savings_plan_instance_type_family": "r5" if plan.is_upfront else None}
        for plan in payer.plans
    ]  # fmt: skip
    held = [
        {"reservation_reservation_a_r_n": one.arn, "reservation_start_time": iso(one.start),
         "reservation_end_time": iso(one.end), "reservation_modification_status": "Original",
         "reservation_subscription_id": str(int(derived_id(one.arn)[:8], 16)), "reservation_units_per_reservation": "1",
         "reservation_number_of_reservations": str(one.instances),
         "reservation_total_reserved_units": str(one.instances)}
        for one in payer.reservations
    ]  # fmt: skip
    found: dict[str, pl.Series] = {}
    for rows, column in ((plans, "plan"), (held, "reservation")):
        for name in rows[0] if rows else ():
            values = pl.Series([row[name] for row in rows], dtype=pl.String)
            found[name] = values.gather(lines[column])
    return found


def _commitments(payer: Payer, lines: pl.DataFrame) -> dict[str, pa.Array]:
    return {name: values.to_arrow().cast(pa.string()) for name, values in commitment_texts(payer, lines).items()}


def tag_key(key: str) -> str:
    """The name that Athena and CUR 2.0 give a user tag: CostCenter and cost-center both become user_cost_center."""
    return "user_" + re.sub(r"[^a-z0-9]+", "_", re.sub(r"([A-Z])", r"_\1", key).lower()).strip("_")


def _maps(payer: Payer, lines: pl.DataFrame) -> dict[str, pa.Array]:
    def tags(tag_set: TagSet) -> list[tuple[str, str]]:
        return [(tag_key(key), value) for key, value in tag_set.items()]

    tag_sets = pa.array([tags(tag_set) for tag_set in payer.fleet.tags.sets], _MAP)
    products = lines.select("product", "region").unique(maintain_order=True).with_row_index("number")
    product_maps = pa.array(
        [
            [("product_name", row["product"]), *([("region", row["region"])] if row["region"] else [])]
            for row in products.iter_rows(named=True)
        ],
        _MAP,
    )
    number = lines.join(products, on=["product", "region"], how="left", nulls_equal=True, maintain_order="left")[
        "number"
    ]
    empty = pa.array([[]], _MAP).take(pa.repeat(pa.scalar(0), lines.height))
    return {
        "resource_tags": tag_sets.take(lines["tag"].to_arrow()),
        "product": product_maps.take(number.to_arrow()),
        "cost_category": empty,
        "tags": empty,
        "discount": pa.array([[]], _TYPES["MD"]).take(pa.repeat(pa.scalar(0), lines.height)),
    }
