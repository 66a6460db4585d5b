"""The four sources of the sample: how large each is, what is odd about it, and what it truly bills."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from pipelines.sample import aws_cur, aws_cur2, azure_cost_details, gcp_export, meters, planted
from pipelines.sample.aws_bill import Payer, build_payer, monthly_bill
from pipelines.sample.azure_bill import commitments_of, monthly_lines
from pipelines.sample.estate import AWS_ACQUIRED, AWS_PAYER, AZURE, GCP
from pipelines.sample.fleet import Estate, Fleet, Pin, build_fleet
from pipelines.sample.gcp_bill import invoice_lines, pledges_of, usage_month
from pipelines.sample.months import Month, Window, moment
from pipelines.sample.truth import Total, parts_of, sum_text, sums_by

AZURE_ACTUAL, AZURE_AMORTIZED = "halden-actual", "halden-amortized"
FOLDERS = {
    "aws-payer": "aws-payer",
    "aws-acquired": "aws-acquired",
    "azure-ea": "azure",
    "gcp-main": "gcp",
    "invoices": "invoices",
}

ESTATES = {
    "aws-payer": Estate("aws-payer", AWS_PAYER, (*meters.AWS, *planted.AWS), 148_000, ("eu-west-1", "us-east-1"), (
        Pin("halden-shop-prod", "BoxUsage:m5.4xlarge", 0.07),
        Pin("halden-shop-prod", "InstanceUsage:db.r6g.xlarge", 0.05),
        Pin("halden-shop-prod", "InstanceUsage:db.m6g.2xlarge", 0.04),
        Pin("halden-shop-prod", "NatGateway-Bytes", 0.03, spikes=True),
        Pin("halden-shop-prod", "TimedStorage-ByteHrs", 0.02, "clickstream-archive", untagged=True),
        Pin("halden-shop-prod", "NodeUsage:cache.r5.xlarge", 0.01, waste="outdated"),
        Pin("halden-shop-prod", "Lambda-GB-Second", 0.01, waste="x86"),
        Pin("halden-shop-prod", "Lambda-GB-Second", 0.01, waste="roomy"),
        Pin("halden-shop-prod", "EBS:VolumeUsage.gp3", 0.01, waste="asleep"),
        *(Pin("halden-shop-dev", "BoxUsage:m5.xlarge", 0.03, waste="node") for _ in range(4)),
        Pin("halden-data-prod", "BoxUsage:r5.4xlarge", 0.06),
        Pin("halden-data-prod", "Node:ra3.4xlarge", 0.09),
        *planted.pins_of("aws-payer"),
    )),
    "aws-acquired": Estate("aws-acquired", AWS_ACQUIRED, meters.AWS, 45_000, ("eu-west-1", "eu-central-1"), (
        Pin("brightparcel-prod", "BoxUsage:m5.xlarge", 0.08),
        Pin("brightparcel-prod", "InstanceUsage:db.r6g.xlarge", 0.06),
    )),
    "azure-ea": Estate("azure-ea", AZURE, (*meters.AZURE, *planted.AZURE), 52_000, ("westeurope", "northeurope"), (
        Pin("erp-prod", "D4s v5", 0.1),
        Pin("erp-prod", "D4s v5", 0.02, waste="bursty"),
        Pin("erp-prod", "B4s v2", 0.01),
        Pin("erp-prod", "Virtual Machines Dsv5 Series Windows", 0.03),
        Pin("erp-prod", "SQL Database Single Standard", 0.02, waste="large"),
        Pin("erp-prod", "SQL Database Single/Elastic Pool General Purpose - SQL License", 0.02),
        Pin("warehouse-systems", "P30 LRS Disk", 0.02, waste="asleep"),
        Pin("warehouse-systems", "P30 LRS Disk", 0.02, waste="unattached"),
        Pin("care-platform", "E8s v5", 0.1),
        Pin("warehouse-systems", "F8s v2", 0.1),
        Pin("warehouse-systems", "F16s v2 Spot", 0.04),
        *planted.pins_of("azure-ea"),
    )),
    "gcp-main": Estate("gcp-main", GCP, (*meters.GCP, *planted.GCP), 56_000, ("europe-north1", "europe-west4"), (
        Pin("Search Production", "N2 Instance Core running in EMEA", 0.15),
        Pin("Mobile Backend", "Cloud SQL for PostgreSQL: Zonal - vCPU in Finland", 0.2),
        Pin("Mobile Backend", "Cloud SQL for PostgreSQL: Zonal - vCPU in Finland", 0.05, waste="large"),
        Pin("Mobile Backend", "Balanced PD Capacity", 0.02, waste="unattached"),
        Pin("BigQuery Analytics", "Analysis (eu)", 0.12, spikes=True, waste="slots"),
        Pin("BigQuery Analytics", "BigQuery Enterprise Edition for Finland (europe-north1)", 0.05),
        Pin("Web Experiments", "N1 Predefined Instance Core running in EMEA", 0.1),
        *planted.pins_of("gcp-main"),
    )),
}  # fmt: skip

# Share of all rows, and how many usage rows make one row of the source (fees, negations and taxes are added to them).
ROW_SHARES = {"aws-payer": 0.45, "aws-acquired": 0.15, "azure-ea": 0.10, "gcp-main": 0.20}  # azure: twice, two exports
USAGE_SHARES = {"aws-payer": 0.905, "aws-acquired": 0.86, "azure-ea": 0.985, "gcp-main": 1.0}
HOURLY_SHARES = {"aws-payer": 0.4, "aws-acquired": 0.0, "azure-ea": 0.0, "gcp-main": 0.35}


@dataclass(frozen=True)
class Order:
    """What was asked for."""

    window: Window
    seed: int
    rows: int

    def usage_rows(self, source: str) -> int:
        return int(self.rows / len(self.window.months) * ROW_SHARES[source] * USAGE_SHARES[source])

    def fleet(self, source: str) -> Fleet:
        return build_fleet(ESTATES[source], self.window, self.seed, self.usage_rows(source), HOURLY_SHARES[source])

    def payer(self, source: str, has_extras: bool) -> Payer:
        return build_payer(
            ESTATES[source], self.window, self.seed, self.usage_rows(source), HOURLY_SHARES[source], has_extras
        )

    @property
    def restated(self) -> set[Month]:
        """Months that keep an older complete delivery beside the newest."""
        return {self.window.at(0.3), self.window.months[-1]}

    def parts(self, month: Month) -> int:
        return 2 if month in (self.window.months[0], self.window.months[-1]) else 1

    def is_open(self, month: Month) -> bool:
        return month == self.window.months[-1]


def write_sources(exports: Path, order: Order) -> Iterator[Total]:
    """Write every source below `exports`, month by month, and yield what each month truly bills."""
    yield from _aws_payer(exports / FOLDERS["aws-payer"], order)
    yield from _aws_acquired(exports / FOLDERS["aws-acquired"], order)
    yield from _azure(exports, order)
    yield from _gcp(exports / FOLDERS["gcp-main"], order)


def _aws_payer(root: Path, order: Order) -> Iterator[Total]:
    payer = order.payer("aws-payer", has_extras=True)
    for month in order.window.months:
        lines = monthly_bill(payer, month)
        aws_cur2.write_month(
            root, payer, month, lines, month in order.restated, order.parts(month), order.is_open(month)
        )
        invoice = "" if order.is_open(month) else aws_cur2.invoice_id(payer, month)
        yield _aws_total("aws-payer", month, lines, invoice)


def _aws_acquired(root: Path, order: Order) -> Iterator[Total]:
    payer = order.payer("aws-acquired", has_extras=False)
    tagged_from = order.window.at(0.25)
    for month in order.window.months:
        lines = monthly_bill(payer, month)
        aws_cur.write_month(root, payer, month, lines, month >= tagged_from, order.parts(month), order.is_open(month))
        yield _aws_total("aws-acquired", month, lines, "" if order.is_open(month) else aws_cur.invoice_id(month))


def _aws_total(source: str, month: Month, lines: pl.DataFrame, invoice_id: str) -> Total:
    kind = pl.col("type").replace_strict({"Tax": "tax", "Credit": "credit"}, default="usage")
    sold_by_others = pl.when(pl.col("billing_entity") == "AWS Marketplace").then(pl.col("legal_entity"))
    parts, sellers = parts_of(lines, kind, "service", sold_by_others)
    return Total(
        source, month.period, "USD", lines.height, sum_text(lines), sum_text(lines, "effective"),
        sums_by(lines, "account_id"), sums_by(lines, "service"),
        invoice_id=invoice_id, parts=parts, sellers=sellers,
    )  # fmt: skip


def _azure(exports: Path, order: Order) -> Iterator[Total]:
    fleet = order.fleet("azure-ea")
    commitments = commitments_of(fleet)
    for month in order.window.months:
        actual, amortised = monthly_lines(fleet, commitments, month)
        final = moment(month.last_day, 3, 7) + timedelta(days=5)
        early = moment(month.first_day.replace(day=20), 3, 4)
        for export, kind, lines in (
            (AZURE_ACTUAL, "ActualCost", actual),
            (AZURE_AMORTIZED, "AmortizedCost", amortised),
        ):
            if month == order.window.at(0.3):
                seen = azure_cost_details.month_to_date(lines, month, 19)
                frame = azure_cost_details.cost_details(fleet, commitments, month, seen)
                azure_cost_details.write_run(exports, export, kind, month, frame, early, 1)
            frame = azure_cost_details.cost_details(fleet, commitments, month, lines)
            azure_cost_details.write_run(exports, export, kind, month, frame, final, order.parts(month))
        billed = azure_cost_details.with_keys(fleet, actual)
        sold_by_others = pl.when(pl.col("publisher") != "Microsoft").then(pl.col("publisher"))
        parts, sellers = parts_of(billed, pl.lit("usage"), "service", sold_by_others, "cost", "tail")
        yield Total(
            "azure-ea", month.period, "EUR", actual.height + amortised.height, sum_text(actual, "cost", "tail"),
            sum_text(amortised, "cost", "tail"), sums_by(billed, "sub_account", "cost", "tail"),
            sums_by(billed, "service", "cost", "tail"), {"actual": actual.height, "amortized": amortised.height},
            parts=parts, sellers=sellers,
        )  # fmt: skip


def _gcp(root: Path, order: Order) -> Iterator[Total]:
    fleet = order.fleet("gcp-main")
    pledges = pledges_of(fleet)
    months = order.window.months
    upcoming = usage_month(fleet, pledges, months[0]).with_columns(late=pl.col("late").clip(0, 1))
    carried = upcoming.clear()
    for position, month in enumerate(months):
        current = upcoming
        early = current.clear()
        if month != months[-1]:
            upcoming = usage_month(fleet, pledges, months[position + 1])
            early = upcoming.filter(pl.col("late") == -1)
            upcoming = upcoming.filter(pl.col("late") != -1)
            late, current = current.filter(pl.col("late") == 1), current.filter(pl.col("late") != 1)
        else:
            late = current.clear()
            current = current.with_columns(late=pl.lit(0, pl.Int64))
        lines = invoice_lines(fleet, month, pl.concat([carried, current, early]))
        carried = late
        yield _write_invoice(root, order, fleet, month, lines)


def _write_invoice(root: Path, order: Order, fleet: Fleet, month: Month, lines: pl.DataFrame) -> Total:
    net = gcp_export.with_keys(fleet, lines)
    if month == order.window.at(0.3):
        seen = net.filter((pl.col("end") <= month.start + 24 * 19) & (pl.col("cost_type") == "regular"))
        table = gcp_export.export_table(fleet, month, seen)
        early = moment(month.first_day.replace(day=20), 3)
        gcp_export.write_run(root, month, table, int(seen["cost"].sum()), early, 1)
    table = gcp_export.export_table(fleet, month, lines)
    final = moment(month.last_day, 3) + timedelta(days=5)
    gcp_export.write_run(root, month, table, int(lines["cost"].sum()), final, order.parts(month))
    kind = pl.when(pl.col("cost_type") == "tax").then(pl.lit("tax")).otherwise(pl.lit("usage"))
    parts, _ = parts_of(net, kind, "service_name", pl.lit(None, pl.String), "net")
    return Total(
        "gcp-main", month.period, "USD", lines.height, sum_text(net, "net"), sum_text(net, "net"),
        sums_by(net, "sub_account", "net"), sums_by(net, "service_name", "net"),
        parts=parts,
    )  # fmt: skip
