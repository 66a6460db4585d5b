"""Azure enterprise cost details (2023-12-01-preview): gzipped CSV parts, one folder per run, one manifest per run."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.sample.azure_bill import Commitment, price_tails
from pipelines.sample.estate import ENROLLMENT_AZURE, cost_center, derived_id
from pipelines.sample.files import halves, write_csv_gz, write_json
from pipelines.sample.fleet import Fleet
from pipelines.sample.meters import VM
from pipelines.sample.money import to_long_text, to_text
from pipelines.sample.months import Month

ROOT = "azure"  # folder of the container; blob names in manifests start here
_COLUMNS = """
InvoiceSectionName AccountName AccountOwnerId SubscriptionId SubscriptionName ResourceGroup ResourceLocation Date
ProductName MeterCategory MeterSubCategory MeterId MeterName MeterRegion UnitOfMeasure Quantity EffectivePrice
CostInBillingCurrency CostCenter ConsumedService ResourceId Tags OfferId AdditionalInfo ServiceInfo1 ServiceInfo2
ResourceName ReservationId ReservationName UnitPrice ProductOrderId ProductOrderName Term PublisherType PublisherName
ChargeType Frequency PricingModel AvailabilityZone BillingAccountId BillingAccountName BillingCurrencyCode
BillingPeriodStartDate BillingPeriodEndDate BillingProfileId BillingProfileName InvoiceSectionId IsAzureCreditEligible
PartNumber PayGPrice PlanName ServiceFamily CostAllocationRuleName benefitId benefitName
"""
COLUMNS = _COLUMNS.split()
REGION_NAMES = {"westeurope": "EU West", "northeurope": "EU North"}


def write_run(
    container: Path, export: str, kind: str, month: Month, frame: pl.DataFrame, submitted: datetime, parts: int
) -> None:
    """Write one complete run of an export: its parts, then its manifest."""
    period = f"{month.compact}01-{month.last_day:%Y%m%d}"
    run = derived_id(export, month.period, submitted)
    folder = f"{ROOT}/{export}/{period}/{submitted:%Y%m%d%H%M}/{run}"
    blobs: list[dict[str, object]] = []
    total_bytes = 0
    for part, (offset, length) in enumerate(halves(frame.height, parts)):
        name = f"{folder}/part_{part}_0001.csv.gz"
        size = write_csv_gz(container / name, frame.slice(offset, length))
        total_bytes += size
        blobs.append({"blobName": name, "byteCount": size, "dataRowCount": length})
    manifest = {
        "manifestVersion": "2024-04-01",
        "byteCount": total_bytes,
        "blobCount": len(blobs),
        "dataRowCount": frame.height,
        "exportConfig": {
            "exportName": export,
            "resourceId": f"/providers/Microsoft.Billing/billingAccounts/{ENROLLMENT_AZURE}"
            f"/providers/Microsoft.CostManagement/exports/{export}",
            "dataVersion": "2023-12-01-preview",
            "apiVersion": "2023-07-01-preview",
            "type": kind,
            "timeFrame": "TheLastMonth",
            "granularity": "Daily",
        },
        "deliveryConfig": {
            "partitionData": True,
            "dataOverwriteBehavior": "CreateNewReport",
            "fileFormat": "Csv",
            "compressionMode": "Gzip",
            "containerUri": "/subscriptions/0/resourceGroups/rg-billing/providers/Microsoft.Storage/storageAccounts/"
            "haldenbilling/blobServices/default/containers/exports",
            "rootFolderPath": ROOT,
        },
        "runInfo": {
            "executionType": "Scheduled",
            "submittedTime": f"{submitted:%Y-%m-%dT%H:%M:%S}.1234567Z",
            "runId": run,
            "startDate": f"{month.first_day}T00:00:00",
            "endDate": f"{month.last_day}T00:00:00Z",
        },
        "blobs": blobs,
    }
    write_json(container / folder / "manifest.json", manifest)


def cost_details(fleet: Fleet, commitments: tuple[Commitment, ...], month: Month, lines: pl.DataFrame) -> pl.DataFrame:
    """The lines of a month as the 55 columns of the export."""
    static = series_text(fleet)
    texts = static[lines["series"].fill_null(static.height - 1).to_numpy()]
    held = _commitment_text(commitments)[lines["commitment"].to_numpy()]
    usage = pl.col("series").is_not_null()
    purchase = pl.col("charge") == "Purchase"
    names = {account.id: account.name for account in fleet.estate.accounts} | {"": ""}
    joined = lines.with_columns(*texts, *held)
    frame = joined.with_columns(
        SubscriptionId=pl.when(usage).then(pl.col("SubscriptionId")).otherwise(pl.col("subscription")),
        ProductName=pl.when(usage).then(pl.col("ProductName")).otherwise(pl.col("product")),
        MeterCategory=pl.when(usage).then(pl.col("MeterCategory")).otherwise(pl.col("category")),
        MeterName=pl.when(usage).then(pl.col("MeterName")).otherwise(pl.col("meter")),
        UnitOfMeasure=pl.when(usage).then(pl.col("UnitOfMeasure")).otherwise(pl.col("unit")),
        Date=pl.from_epoch(pl.col("start") * 3600, time_unit="s").dt.strftime("%m/%d/%Y"),
        Quantity=to_text("quantity", 4),
        EffectivePrice=to_long_text("price", "price_tail"),
        UnitPrice=pl.when(usage).then(pl.col("UnitPrice")).otherwise(to_text("price")),
        CostInBillingCurrency=to_long_text("cost", "tail"),
        Tags=pl.Series([tag_text(tags) for tags in fleet.tags.sets]).gather(lines["tag"]),
        PublisherName=pl.col("publisher").fill_null("Microsoft"),
        ChargeType=pl.col("charge"),
        Frequency=pl.col("frequency"),
        PricingModel=pl.when(pl.col("benefitId") != "").then(pl.col("commitment_model")).otherwise(pl.col("model")),
        benefitId=pl.when(purchase).then(pl.col("benefit_order")).otherwise(pl.col("benefitId")),
        ReservationId=pl.when(purchase & (pl.col("commitment_model") == "Reservation"))
        .then(pl.col("ProductOrderId"))
        .otherwise(pl.col("ReservationId")),
    ).with_columns(
        SubscriptionName=pl.col("SubscriptionId").replace_strict(names),
        PublisherType=pl.when(pl.col("PublisherName") == "Microsoft")
        .then(pl.lit("Azure"))
        .otherwise(pl.lit("Marketplace")),
        PayGPrice=pl.when(pl.col("benefitId") != "").then(pl.lit("0")).otherwise(pl.col("UnitPrice")),
        BillingPeriodStartDate=pl.lit(f"{month.first_day:%m/%d/%Y}"),
        BillingPeriodEndDate=pl.lit(f"{month.last_day:%m/%d/%Y}"),
        **{name: pl.lit(value) for name, value in _CONSTANT.items()},
    )
    return frame.select(
        pl.col(name).fill_null("") if name in frame.columns else pl.lit("").alias(name) for name in COLUMNS
    )


_CONSTANT = {
    "InvoiceSectionName": "Halden Commerce EU", "InvoiceSectionId": "410022", "AccountName": "Halden Cloud",
    "AccountOwnerId": "cloud-billing@halden.example", "OfferId": "MS-AZR-0017P", "BillingAccountId": ENROLLMENT_AZURE,
    "BillingAccountName": "Halden Commerce", "BillingCurrencyCode": "EUR", "BillingProfileId": ENROLLMENT_AZURE,
    "BillingProfileName": "Halden Commerce", "IsAzureCreditEligible": "True",
}  # fmt: skip


def tag_text(tags: dict[str, str]) -> str:
    """Tags as enterprise exports write them: JSON members without the braces."""
    return json.dumps(tags, ensure_ascii=False, separators=(",", ": "))[1:-1]


def series_text(fleet: Fleet) -> pl.DataFrame:
    """Text columns of each series, and one empty row at the end for lines that no resource made."""
    meters, accounts, tails = fleet.estate.meters, fleet.estate.accounts, price_tails(fleet)
    rows: list[dict[str, str]] = []
    for series, row in enumerate(fleet.table.iter_rows(named=True)):
        meter, account = meters[row["meter"]], accounts[row["account"]]
        group = (
            f"rg-{account.name}-{'abcd'[series % 4]}"
            if account.name != "erp-prod"
            else f"rg-erp-{'app' if series % 2 else 'prod'}"
        )
        spoken = REGION_NAMES[row["region"]]
        price = meter.price + (f"{tails[series]:010d}".rstrip("0") if tails[series] else "")
        if len(meter.price.partition(".")[2]) < meter.price_digits and tails[series]:
            whole, _, fraction = meter.price.partition(".")
            price = f"{whole}.{fraction.ljust(meter.price_digits, '0')}{tails[series]:010d}".rstrip("0")
        info = {
            "UsageType": "ComputeHR",
            "ServiceType": f"Standard_{meter.name.replace(' ', '_')}",
            "VMName": row["name"],
        }
        resource = f"/subscriptions/{account.id}/resourceGroups/{group}/providers/{meter.resource}/{row['name']}"
        known = row["owner"].startswith("CC-")
        rows.append(
            {
                "SubscriptionId": account.id, "ResourceGroup": group, "ResourceLocation": row["region"],
                "ProductName": f"{meter.product} - {meter.name} - {spoken}", "MeterCategory": meter.service,
                "MeterSubCategory": meter.family,
                "MeterId": derived_id("meter", meter.service, meter.product, meter.name),
                "MeterName": meter.name, "MeterRegion": spoken, "UnitOfMeasure": meter.unit,
                "CostCenter": cost_center(row["owner"]).id if known and series % 3 == 0 else "",
                "ConsumedService": meter.operation, "ResourceId": resource, "ResourceName": row["name"],
                "AdditionalInfo": json.dumps(info, separators=(",", ":")) if meter.resource == VM else "",
                "UnitPrice": price, "AvailabilityZone": str(series % 3 + 1) if meter.kind == "machine" else "",
                "PartNumber": f"AAH-{10000 + row['meter'] * 37}", "ServiceFamily": meter.group,
            }
        )  # fmt: skip
    return pl.DataFrame([*rows, dict.fromkeys(rows[0], "")])


def _commitment_text(commitments: tuple[Commitment, ...]) -> pl.DataFrame:
    """Text columns of each commitment, and one empty row at the end for lines without one (index -1)."""
    rows = [
        {
            "ReservationId": held.identity if held.model == "Reservation" else "",
            "ReservationName": held.name if held.model == "Reservation" else "", "ProductOrderId": held.order,
            "ProductOrderName": held.product, "Term": held.term, "benefitId": held.benefit,
            "benefit_order": held.benefit_order, "benefitName": held.name, "commitment_model": held.model,
        }
        for held in commitments
    ]  # fmt: skip
    return pl.DataFrame([*rows, dict.fromkeys(rows[0], "")])


def month_to_date(lines: pl.DataFrame, month: Month, days: int) -> pl.DataFrame:
    """What an earlier run of the month knew: usage of the first days, and no adjustments yet."""
    known = (lines["start"].to_numpy() < month.start + 24 * days) & (lines["charge"] != "RoundingAdjustment").to_numpy()
    return lines.filter(pl.Series(np.asarray(known)))


def with_keys(fleet: Fleet, lines: pl.DataFrame) -> pl.DataFrame:
    """Add the subscription and the meter category of each line."""
    static = series_text(fleet)[lines["series"].fill_null(len(fleet.price)).to_numpy()]
    usage = pl.col("series").is_not_null()
    return lines.with_columns(
        sub_account=pl.when(usage).then(static["SubscriptionId"]).otherwise(pl.col("subscription")),
        service=pl.when(usage).then(static["MeterCategory"]).otherwise(pl.col("category")),
    )
