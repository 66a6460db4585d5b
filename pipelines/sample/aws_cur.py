"""AWS legacy Cost and Usage Report: gzipped CSV, overwritten in place, described by a manifest.

Columns differ by month, as in real reports: Brightparcel activated its cost allocation tags only later.
"""

from pathlib import Path

import numpy as np
import polars as pl

from pipelines.sample.aws_bill import Payer
from pipelines.sample.aws_cur2 import commitment_texts, line_item_ids, pricing_term, time_interval
from pipelines.sample.estate import derived_id
from pipelines.sample.files import halves, write_csv_gz, write_json
from pipelines.sample.money import to_java_text, to_text
from pipelines.sample.months import Month

REPORT, BUCKET, PREFIX = "acquired-cur", "brightparcel-billing", "cur"
TAG_KEYS = ("CostCenter", "Environment", "Owner", "Project", "cost-center", "costcentre")

# Report column <- column of the bill. "" has no value in this estate; the column is there because AWS writes it.
_TEXT = {
    "lineItem/LineItemType": "type", "lineItem/ProductCode": "service", "lineItem/UsageType": "usage_type",
    "lineItem/Operation": "operation", "lineItem/AvailabilityZone": "az", "lineItem/ResourceId": "resource_id",
    "lineItem/UnblendedRate": "rate", "lineItem/BlendedRate": "rate", "lineItem/LineItemDescription": "description",
    "lineItem/TaxType": "tax_type", "lineItem/LegalEntity": "legal_entity", "lineItem/UsageAccountId": "account_id",
    "bill/BillingEntity": "billing_entity", "bill/BillType": "bill_type", "bill/InvoicingEntity": "legal_entity",
    "product/ProductName": "product", "product/instanceType": "instance_type", "product/operation": "operation",
    "product/productFamily": "family", "product/region": "region", "product/regionCode": "region",
    "product/servicecode": "service", "product/servicename": "product", "product/sku": "sku",
    "product/usagetype": "usage_type", "pricing/publicOnDemandRate": "rate", "pricing/unit": "unit",
}  # fmt: skip
_MONEY = {
    "lineItem/UnblendedCost": "cost", "lineItem/BlendedCost": "cost", "pricing/publicOnDemandCost": "list_cost",
    "reservation/AmortizedUpfrontCostForUsage": "ri_upfront", "reservation/EffectiveCost": "ri_effective",
    "reservation/AmortizedUpfrontFeeForBillingPeriod": "ri_period_upfront",
    "reservation/RecurringFeeForUsage": "ri_recurring", "reservation/UnusedRecurringFee": "ri_unused_recurring",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "ri_unused_upfront",
    "reservation/UpfrontValue": "ri_upfront_value", "savingsPlan/TotalCommitmentToDate": "plan_total",
    "savingsPlan/SavingsPlanRate": "plan_rate", "savingsPlan/UsedCommitment": "plan_used",
    "savingsPlan/SavingsPlanEffectiveCost": "plan_effective",
    "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod": "plan_upfront",
    "savingsPlan/RecurringCommitmentForBillingPeriod": "plan_recurring",
}  # fmt: skip
_COMMITMENT = {
    "reservation/EndTime": "reservation_end_time", "reservation/ModificationStatus": "reservation_modification_status",
    "reservation/NumberOfReservations": "reservation_number_of_reservations",
    "reservation/ReservationARN": "reservation_reservation_a_r_n", "reservation/StartTime": "reservation_start_time",
    "reservation/SubscriptionId": "reservation_subscription_id",
    "reservation/TotalReservedUnits": "reservation_total_reserved_units",
    "reservation/UnitsPerReservation": "reservation_units_per_reservation",
    "savingsPlan/SavingsPlanARN": "savings_plan_savings_plan_a_r_n", "savingsPlan/StartTime": "savings_plan_start_time",
    "savingsPlan/EndTime": "savings_plan_end_time", "savingsPlan/OfferingType": "savings_plan_offering_type",
    "savingsPlan/PaymentOption": "savings_plan_payment_option",
    "savingsPlan/PurchaseTerm": "savings_plan_purchase_term",
    "savingsPlan/Region": "savings_plan_region", "savingsPlan/InstanceTypeFamily": "savings_plan_instance_type_family",
}  # fmt: skip
_HEADER = """
identity/LineItemId identity/TimeInterval bill/InvoiceId bill/InvoicingEntity bill/BillingEntity bill/BillType
bill/PayerAccountId bill/BillingPeriodStartDate bill/BillingPeriodEndDate lineItem/UsageAccountId
lineItem/LineItemType lineItem/UsageStartDate lineItem/UsageEndDate lineItem/ProductCode lineItem/UsageType
lineItem/Operation lineItem/AvailabilityZone lineItem/ResourceId lineItem/UsageAmount lineItem/NormalizationFactor
lineItem/NormalizedUsageAmount lineItem/CurrencyCode lineItem/UnblendedRate lineItem/UnblendedCost
lineItem/BlendedRate lineItem/BlendedCost lineItem/LineItemDescription lineItem/TaxType lineItem/LegalEntity
product/ProductName product/availability product/fromLocation product/fromLocationType product/fromRegionCode
product/group product/groupDescription product/instanceType product/location product/locationType product/operation
product/productFamily product/region product/regionCode product/servicecode product/servicename product/sku
product/storageClass product/toLocation product/toLocationType product/toRegionCode product/transferType
product/usagetype product/version product/volumeType pricing/LeaseContractLength pricing/OfferingClass
pricing/PurchaseOption pricing/RateCode pricing/RateId pricing/currency pricing/publicOnDemandCost
pricing/publicOnDemandRate pricing/term pricing/unit reservation/AmortizedUpfrontCostForUsage
reservation/AmortizedUpfrontFeeForBillingPeriod reservation/EffectiveCost reservation/EndTime
reservation/ModificationStatus reservation/NormalizedUnitsPerReservation reservation/NumberOfReservations
reservation/RecurringFeeForUsage reservation/ReservationARN reservation/StartTime reservation/SubscriptionId
reservation/TotalReservedNormalizedUnits reservation/TotalReservedUnits reservation/UnitsPerReservation
reservation/UnusedAmortizedUpfrontFeeForBillingPeriod reservation/UnusedNormalizedUnitQuantity
reservation/UnusedQuantity reservation/UnusedRecurringFee reservation/UpfrontValue savingsPlan/TotalCommitmentToDate
savingsPlan/SavingsPlanARN savingsPlan/SavingsPlanRate savingsPlan/UsedCommitment savingsPlan/SavingsPlanEffectiveCost
savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod savingsPlan/RecurringCommitmentForBillingPeriod
savingsPlan/StartTime savingsPlan/EndTime savingsPlan/OfferingType savingsPlan/PaymentOption savingsPlan/PurchaseTerm
savingsPlan/Region savingsPlan/InstanceTypeFamily
"""
HEADER = _HEADER.split()


def write_month(
    root: Path, payer: Payer, month: Month, lines: pl.DataFrame, has_tags: bool, parts: int, is_open: bool
) -> None:
    """Write one month's report files, then its manifest."""
    frame = cur_frame(payer, month, lines, has_tags, is_open)
    folder = f"{month.compact}01-{month.plus(1).compact}01"
    names = [f"{REPORT}-{part + 1}.csv.gz" for part in range(parts)]
    for name, (offset, length) in zip(names, halves(frame.height, parts), strict=True):
        write_csv_gz(root / PREFIX / REPORT / folder / name, frame.slice(offset, length))
    manifest = {
        "assemblyId": derived_id("cur", payer.payer_id, month.period),
        "account": payer.payer_id,
        "columns": [dict(zip(("category", "name"), column.split("/", 1), strict=True)) for column in frame.columns],
        "charset": "UTF-8",
        "compression": "GZIP",
        "contentType": "text/csv",
        "reportId": derived_id("report", REPORT).replace("-", "") * 2,
        "reportName": REPORT,
        "billingPeriod": {"start": _compact(month), "end": _compact(month.plus(1))},
        "bucket": BUCKET,
        "reportKeys": [f"{PREFIX}/{REPORT}/{folder}/{name}" for name in names],
    }
    write_json(root / PREFIX / REPORT / folder / f"{REPORT}-Manifest.json", manifest)


def cur_frame(payer: Payer, month: Month, lines: pl.DataFrame, has_tags: bool, is_open: bool) -> pl.DataFrame:
    rows = lines.height
    columns = {name: lines[column] for name, column in _TEXT.items()}
    columns |= {name: _money(lines[column]) for name, column in _MONEY.items()}
    texts = commitment_texts(payer, lines)
    columns |= {name: texts[column] for name, column in _COMMITMENT.items() if column in texts}
    built = lines.select(
        interval=time_interval(),
        start=_iso("start"),
        end=_iso("end"),
        amount=to_text("quantity", 6),
        unused=to_text("ri_unused_quantity", 6),
        term=pricing_term(),
        no_rate=pl.col("type").is_in(["EdpDiscount", "Discount"]),
    )
    invoice = "" if is_open else invoice_id(month)
    columns |= {
        "identity/LineItemId": line_item_ids(rows, month),
        "identity/TimeInterval": built["interval"],
        "bill/InvoiceId": _same(invoice, rows),
        "bill/PayerAccountId": _same(payer.payer_id, rows),
        "bill/BillingPeriodStartDate": _same(f"{month.period}-01T00:00:00.000Z", rows),
        "bill/BillingPeriodEndDate": _same(f"{month.plus(1).period}-01T00:00:00.000Z", rows),
        "lineItem/UsageStartDate": built["start"],
        "lineItem/UsageEndDate": built["end"],
        "lineItem/UsageAmount": built["amount"],
        "lineItem/CurrencyCode": _same("USD", rows),
        "pricing/currency": _same("USD", rows),
        "pricing/term": built["term"],
        "reservation/UnusedQuantity": built["unused"],
    }
    frame = pl.DataFrame({name: columns.get(name, _same("", rows)) for name in HEADER})
    return frame.hstack(_tag_columns(payer, lines)) if has_tags else frame


def invoice_id(month: Month) -> str:
    return str(1_400_000_000 + month.start)


def _tag_columns(payer: Payer, lines: pl.DataFrame) -> list[pl.Series]:
    sets = payer.fleet.tags.sets
    return [
        pl.Series(f"resourceTags/user:{key}", [tags.get(key, "") for tags in sets]).gather(lines["tag"])
        for key in TAG_KEYS
    ]


def _money(values: pl.Series) -> pl.Series:
    return to_java_text(values.rename("units"))


def _same(text: str, rows: int) -> pl.Series:
    return pl.Series(np.repeat(np.array([text], dtype=object), rows), dtype=pl.String)


def _iso(column: str) -> pl.Expr:
    return pl.from_epoch(pl.col(column) * 3600, time_unit="s").dt.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _compact(month: Month) -> str:
    return f"{month.compact}01T000000.000Z"
