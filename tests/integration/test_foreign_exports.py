"""Exports that we did not write: one run publishes them, and every total is the sum that Python finds in the files."""

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.landing import land
from pipelines.outputs.publish import current_run
from pipelines.run import run
from tests.integration.bills import open_workspace
from tests.integration.nise import nise

FIXTURES = Path(__file__).parents[1] / "fixtures"
SCENARIOS = sorted((FIXTURES / "focus").glob("*__*.csv"))
NISE_DAYS = ("-s", "2026-09-30", "-e", "2026-10-02")

# (billing period, account, service) -> billed cost
Totals = dict[tuple[str, str | None, str | None], Decimal]


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """A CSV's rows, read by Python alone."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))


def amount(text: str | None) -> Decimal:
    return Decimal((text or "0").strip().replace("$", "").replace(",", "") or "0")


def month(text: str) -> str:
    """YYYY-MM of an ISO or an American date."""
    if "/" in text:
        number, _, year = text.split(" ")[0].split("/")
        return f"20{year[-2:]}-{int(number):02d}"
    return text[:7]


def summed(*triples: tuple[tuple[str, str | None, str | None], Decimal]) -> Totals:
    totals: Totals = defaultdict(Decimal)
    for key, cost in triples:
        totals[key] += cost
    return dict(totals)


def cur_totals(folder: Path) -> Totals:
    return summed(
        *(
            (
                (month(r["bill/BillingPeriodStartDate"]), r["lineItem/UsageAccountId"], r["lineItem/ProductCode"]),
                amount(r["lineItem/UnblendedCost"]),
            )
            for path in folder.rglob("*.csv.gz")
            for r in rows_of(path)
        )
    )


def first_of(row: dict[str, str], *names: str) -> str | None:
    """The first filled column of these names; case, blanks and a localised prefix do not count."""
    plain = {name.split("(")[-1].rstrip(")").lower(): value for name, value in row.items()}
    return next((plain[name.lower()] for name in names if plain.get(name.lower())), None)


def azure_totals(path: Path) -> Totals:
    return summed(
        *(
            (
                (
                    month(first_of(r, "BillingPeriodStartDate") or first_of(r, "Date", "UsageDateTime")),
                    first_of(r, "SubscriptionId", "SubscriptionGuid"),
                    first_of(r, "MeterCategory", "ConsumedService"),
                ),
                amount(first_of(r, "CostInBillingCurrency", "Cost", "PreTaxCost")),
            )
            for r in rows_of(path)
        )
    )


def gcp_month(invoice: str) -> str:
    return f"{invoice[:4]}-{invoice[4:6]}"


def gcp_csv_totals(folder: Path) -> Totals:
    """nise prints credits as a Python list; here all of them are empty."""
    rows = [r for path in folder.rglob("*.csv") for r in rows_of(path)]
    assert {r["credits"] for r in rows} <= {"[]", "", "{}"}
    return summed(
        *(
            ((gcp_month(r["invoice.month"]), r["project.id"] or None, r["service.description"]), amount(r["cost"]))
            for r in rows
        )
    )


def gcp_json_totals(folder: Path) -> Totals:
    lines = [line for path in folder.rglob("*.json") for line in path.read_text().splitlines() if line.strip()]
    totals = []
    for row in (json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines):
        credits = row.get("credits") or []
        found = sum((c.get("amount") or 0 for c in (credits if isinstance(credits, list) else [credits])), Decimal(0))
        invoice, project, service = row["invoice"]["month"], row["project"]["id"], row["service"]["description"]
        totals.append(((gcp_month(str(invoice)), project, service), Decimal(row["cost"]) + found))
    return summed(*totals)


def focus_totals(path: Path) -> Totals:
    return summed(
        *(
            (
                (month(r["BillingPeriodStart"]), r.get("SubAccountId") or None, r.get("ServiceName") or "Unknown"),
                amount(r["BilledCost"]),
            )
            for r in rows_of(path)
        )
    )


def source_name(path: Path) -> str:
    """A short name per fixture file: sources have at most so many letters."""
    return path.stem.split("__")[-1].lower().replace("_", "-")[:24].strip("-") + f"-{SCENARIOS.index(path)}"


# FOCUS files with the least that lands, and with the names of versions before 1.0.
BARE = {
    "five-columns": (
        "billedcost,billingcurrency,billingperiodstart,chargeperiodstart,chargecategory\n"
        "1.25,USD,2024-09-01 00:00:00,2024-09-02 00:00:00,Usage\n"
    ),
    "preview-names": (
        "BilledCost,AmortizedCost,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargeType,"
        "ServiceName,Provider,Publisher,InvoiceIssuer,Region,SubAccountId,ConsumedQuantity,UsageUnit\n"
        "2.50,1.50,USD,2024-09-01,2024-10-01,2024-09-02,Usage,Queues,Cloudy,Maker,Reseller,North,s-1,NULL,NULL\n"
    ),
}
BARE_TOTALS: dict[str, Totals] = {
    "five-columns": {("2024-09", None, "Unknown"): Decimal("1.25")},
    "preview-names": {("2024-09", "s-1", "Queues"): Decimal("2.5")},
}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """All of them in one workspace, run once: the marts' totals per source, and those of the files."""
    root = tmp_path_factory.mktemp("foreign")
    expected: dict[str, Totals] = {}
    sources = []

    def source(name: str, provider: str, source_format: str, uri: Path, totals: Totals, **more: str) -> None:
        sources.append({"name": name, "provider": provider, "format": source_format, "uri": str(uri), **more})
        expected[name] = {key: cost for key, cost in totals.items() if cost}

    aws = root / "nise-aws"
    nise(aws, "aws", *NISE_DAYS, "--aws-s3-bucket-name", str(aws), "--aws-s3-report-name", "mycur",
         "--aws-s3-report-prefix", "cur", "--file-row-limit", "700")  # fmt: skip
    source("nise-aws", "aws", "cur", aws, cur_totals(aws))
    azure = root / "nise-azure"
    nise(azure, "azure", *NISE_DAYS, "--azure-container-name", str(azure), "--azure-report-name", "daily",
         "--azure-report-prefix", "exports")  # fmt: skip
    (azure_total,) = [summed(*(t for p in azure.rglob("*.csv") for t in azure_totals(p).items()))]
    source("nise-azure", "azure", "cost_details", azure, azure_total)
    gcp = root / "nise-gcp"
    nise(gcp, "gcp", *NISE_DAYS, "--gcp-bucket-name", str(gcp), "-r")
    source("nise-gcp", "gcp", "billing_export", gcp, gcp_csv_totals(gcp))
    lines = root / "nise-gcp-lines"
    nise(lines, "gcp", *NISE_DAYS, "--gcp-dataset-name", "billing", "-r", "-w")
    source("nise-gcp-lines", "gcp", "billing_export", lines, gcp_json_totals(lines))

    def copied(name: str, *files: Path) -> Path:
        (root / name).mkdir()
        for file in files:
            # Two of the specification's examples end a charge at 30 o'clock.
            content = file.read_bytes().replace(b"-02-01T30:00:00Z", b"-02-01T00:00:00Z")
            (root / name / file.name).write_bytes(content)
        return root / name

    actual = FIXTURES / "azure" / "EA_ActualCost_Small.csv"
    ea = copied("ea", actual, FIXTURES / "azure" / "EA_AmortizedCost_Small.csv")
    source("ea", "azure", "cost_details", ea, azure_totals(actual))
    for path in sorted((FIXTURES / "azure").glob("opencost_azure_*.csv")):
        name = path.stem.split("_")[-1].lower()
        source(name, "azure", "cost_details", copied(name, path), azure_totals(path), currency="USD")
    fivetran = copied("fivetran", FIXTURES / "aws" / "fivetran_aws_cost_report.csv")
    source("fivetran", "aws", "cur", fivetran, {}, currency="USD")
    for path in SCENARIOS:
        name = source_name(path)
        source(name, "acme", "focus", copied(name, path), focus_totals(path), currency="USD")

    for name, content in BARE.items():
        (root / name).mkdir()
        (root / name / "bill.csv").write_text(content)
        source(name, "acme", "focus", root / name, BARE_TOTALS[name])

    opened = open_workspace(root / "w", *sources)
    summary = run(opened)
    assert [str(result.error) for result in summary.landing.failed] == []
    found: dict[str, Totals] = defaultdict(dict)
    with duckdb.connect(str(current_run(opened) / "marts.duckdb"), read_only=True) as con:
        for name, *key, cost in con.execute(
            "select x_source, x_billing_period, replace(SubAccountId, '/subscriptions/', ''), "
            "case when x_provider in ('aws', 'azure') then x_service_code else ServiceName end, "
            "sum(BilledCost) from focus_cost_and_usage group by all having sum(BilledCost) <> 0"
        ).fetchall():
            found[name][tuple(key)] = cost
        daily = con.execute(
            "select x_source, billing_period, provider, sub_account_id, service_name, sum(billed_cost) "
            "from fct_daily_costs group by all order by all"
        ).fetchall()
        ledger = con.execute(
            "select x_source, x_billing_period, x_provider, SubAccountId, ServiceName, sum(BilledCost) "
            "from focus_cost_and_usage group by all order by all"
        ).fetchall()
        rows = con.execute("select * from focus_cost_and_usage_1_2 where x_source in ? order by x_source_row",
                           [[*BARE, *(source_name(path) for path in SCENARIOS)]])  # fmt: skip
        columns = [name for name, *_ in rows.description]
        delivered: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows.fetchall():
            named = dict(zip(columns, row, strict=True))
            delivered[named["x_source"]].append(named)
    return expected, found, daily, ledger, delivered


NAMES = [
    "nise-aws", "nise-azure", "nise-gcp", "nise-gcp-lines", "ea", "fivetran",
    *sorted(p.stem.split("_")[-1].lower() for p in (FIXTURES / "azure").glob("opencost_azure_*.csv")),
    *(source_name(path) for path in SCENARIOS), *BARE,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_billed_totals_per_month_account_and_service_are_those_of_the_file(published, name):
    """To 1e-6, against csv and Decimal; a source without costs publishes none."""
    expected, found, *_ = published
    assert set(found.get(name, {})) == set(expected[name])
    for key, cost in expected[name].items():
        assert abs(found[name][key] - cost) < Decimal("1e-6"), key


def test_most_of_these_files_hold_costs(published):
    """The comparison above compares something: only skeletons and fully covered usage cost nothing."""
    expected, *_ = published
    assert sum(bool(totals) for totals in expected.values()) >= len(NAMES) - 10
    assert sum(expected["nise-aws"].values()) > 100


def test_daily_costs_keep_the_ledger_s_totals_per_provider_month_account_and_service(published):
    """No row is lost or doubled between the ledger and its mart."""
    _, _, daily, ledger, _ = published
    assert daily == ledger


# Columns that FOCUS wants filled and an example leaves out or empty: what they are filled with.
FILLED = {
    "ServiceName": ("Unknown",),
    "ServiceCategory": ("Other",),
    "ServiceSubcategory": ("Other (Other)", "Other (Business Applications)"),
}


def as_typed(text: str | None, like: Any) -> Any:
    """A cell of an example as the type of the published value; its empty cells, and those that say null, are None."""
    text = (text or "").strip()
    if text.lower() in ("", "null"):
        return None
    if isinstance(like, Decimal):
        return amount(text)
    if isinstance(like, datetime):
        return datetime.strptime(text, "%m/%d/%y") if "/" in text else datetime.fromisoformat(text).replace(tzinfo=None)
    return json.loads(text) if text.startswith("{") else text


@pytest.mark.parametrize("path", SCENARIOS, ids=source_name)
def test_every_row_of_the_specification_s_examples_is_published_as_it_stands(published, path):
    """Row for row and column for column, not totals only: prices, quantities, periods and commitments too."""
    rows = published[-1][source_name(path)]
    examples = list(rows_of(path))
    names = {name.lower(): name for name in rows[0]}
    known = [column for column in examples[0] if not column.startswith("x_")]
    assert len(rows) == len(examples) and all(column.lower() in names for column in known)

    for row, example in zip(rows, examples, strict=True):
        for column in known:
            value = row[names[column.lower()]]
            cell = as_typed(example[column].replace("T30:", "T00:"), value)
            if cell is None and column in FILLED:
                assert value in FILLED[column], column
            elif isinstance(cell, dict):
                assert json.loads(value) == cell, column
            else:
                assert value == cell, column


def test_a_focus_file_without_optional_columns_is_filled_and_says_so(published):
    """A missing end of the billing period is the month's; what is filled is named, costs are the next better ones."""
    (row,) = published[-1]["five-columns"]
    assert row["BillingPeriodEnd"] == datetime(2024, 10, 1) and row["EffectiveCost"] == Decimal("1.25")
    assert row["InvoiceIssuerName"] == "acme"
    assert {"BillingPeriodEnd", "ChargePeriodEnd", "EffectiveCost", "ServiceName", "InvoiceIssuerName"} <= set(
        row["x_gaps"].split(",")
    )


def test_a_focus_file_of_a_preview_keeps_what_its_old_columns_say(published):
    (row,) = published[-1]["preview-names"]
    names = ("EffectiveCost", "ChargeCategory", "ProviderName", "PublisherName", "InvoiceIssuerName", "RegionName")
    assert [row[name] for name in names] == [Decimal("1.5"), "Usage", "Cloudy", "Maker", "Reseller", "North"]
    assert row["ConsumedQuantity"] is None and row["ConsumedUnit"] is None  # NULL is no text


def test_an_example_that_ends_at_thirty_o_clock_is_refused_as_it_stands(tmp_path):
    """The specification's own files have two such cells; the message leads to one."""
    (path,) = [path for path in SCENARIOS if "purchase_scenario_2" in path.name]
    (failed,) = land(open_workspace(tmp_path / "w", {"name": "s", "provider": "acme", "format": "focus",
                                                     "uri": str(path), "currency": "USD"})).failed  # fmt: skip
    assert "row 3, column charge_period_end: '2023-02-01T30:00:00Z' is not a date" in str(failed.error)
