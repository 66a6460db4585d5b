"""Providers' exports as they lie on disk, small, and a workspace that reads them."""

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb

from pipelines.settings import Workspace

HEADER = (
    "identity/LineItemId,bill/PayerAccountId,bill/BillingPeriodStartDate,bill/BillingPeriodEndDate,"
    "lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,"
    "lineItem/CurrencyCode,lineItem/UnblendedCost,resourceTags/user:Owner"
)


def line(cost: str, month: str = "2026-09", tag: str = "ada", start: str = "", currency: str = "USD") -> str:
    """One charge of a legacy CUR."""
    quoted = '"' + tag.replace('"', '""') + '"'
    first = f"{month}-01T00:00:00.000Z"
    account, end = "001234567890", f"{month}-28T00:00:00.000Z"
    return f"id,{account},{first},{end},{account},Usage,{start or first},{end},AmazonS3,{currency},{cost},{quoted}"


def gz(*lines: str, header: str = HEADER) -> bytes:
    return gzip.compress("\n".join([header, *lines, ""]).encode(), mtime=0)


def report(
    folder: Path, lines: list[str], assembly: str = "a1", header: str = HEADER, month: str = "2026-09", part: str = ""
) -> Path:
    """A legacy CUR of one month, create-new layout; returns its one part."""
    year, number = int(month[:4]), int(month[5:])
    first, after = f"{year}{number:02d}01", f"{year + number // 12}{number % 12 + 1:02d}01"
    period = folder / "cur" / "mycur" / f"{first}-{after}"
    path = period / assembly / (part or "mycur-1.csv.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gz(*lines, header=header))
    manifest = {
        "assemblyId": assembly,
        "reportName": "mycur",
        "billingPeriod": {"start": f"{first}T000000.000Z", "end": f"{after}T000000.000Z"},
        "reportKeys": [path.relative_to(folder).as_posix()],
    }
    for place in (period / "mycur-Manifest.json", period / assembly / "mycur-Manifest.json"):
        place.write_text(json.dumps(manifest))
    return path


def data_export(
    folder: Path, select: str, month: str = "2026-09", execution: str = "2026-09-20T06:00:00.000Z-x"
) -> Path:
    """A CUR 2.0 Parquet export, create-new layout: `select` is the SQL of its rows; returns its one part."""
    data = folder / "exports" / "e" / "data" / f"BILLING_PERIOD={month}" / execution / "e-00001.snappy.parquet"
    metadata = folder / "exports" / "e" / "metadata" / f"BILLING_PERIOD={month}"
    data.parent.mkdir(parents=True, exist_ok=True)
    (metadata / execution).mkdir(parents=True, exist_ok=True)
    duckdb.execute(f"copy ({select}) to '{data}' (format parquet, compression snappy)")
    manifest = {
        "exportArn": "arn:aws:bcm-data-exports:us-east-1:001234567890:export/e-1",
        "dataFiles": [f"s3://bills/{data.relative_to(folder).as_posix()}"],
    }
    for place in (metadata / "e-Manifest.json", metadata / execution / "e-Manifest.json"):
        place.write_text(json.dumps(manifest))
    return data


def cur2_rows(cost: str, tags: str = "map {'user_owner': 'ada'}", rows: int = 1, month: str = "2026-09") -> str:
    """SQL of charges with the types of a CUR 2.0 Parquet file: costs are DOUBLE, tags a MAP."""
    return f"""select 'id' as identity_line_item_id, timestamp '{month}-01' as bill_billing_period_start_date,
        '001234567890' as line_item_usage_account_id, 'Usage' as line_item_line_item_type,
        timestamp '{month}-02 05:00:00' as line_item_usage_start_date, 'AmazonS3' as line_item_product_code,
        'USD' as line_item_currency_code, {cost}::double as line_item_unblended_cost, {tags} as resource_tags,
        map {{'region': 'eu'}} as product from range({rows})"""


def workspace(root: Path, provider: str = "aws", source_format: str = "cur", **uris: str | Path) -> Workspace:
    """A workspace with one source per keyword."""
    return open_workspace(
        root, *({"name": n, "provider": provider, "format": source_format, "uri": str(u)} for n, u in uris.items())
    )


def open_workspace(root: Path, *sources: dict[str, str]) -> Workspace:
    blocks = ["[[sources]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in s.items()) for s in sources]
    root.mkdir(exist_ok=True)
    (root / "finops.toml").write_text("\n".join(blocks))
    return Workspace.open(root)


def landed(opened: Workspace, column: str = "line_item_unblended_cost", source: str = "main") -> list[Any]:
    """One column of everything that a source has in landing, by month and row."""
    files = f"{opened.landing}/*/source={source}/billing_period=2*/data.parquet"
    rows = duckdb.sql(f"select {column} from '{files}' order by x_billing_period, x_source_file, x_source_row")
    return [row[0] for row in rows.fetchall()]


def outcomes(report_of_landing: Any) -> dict[tuple[str, str], str]:
    return {(r.source, r.billing_period): r.outcome for r in report_of_landing.results}
