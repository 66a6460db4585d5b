"""The sample's restatements: an older complete delivery landed before the newest one, compared to sums of our own."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from pipelines.build import build
from pipelines.landing import land
from pipelines.sample import write_sample
from pipelines.settings import Workspace
from tests.unit.test_sample import exact, read_azure, read_csv_gz, read_gcp

RESTATED = "2026-09"  # the sample's first month of two keeps an older delivery in three sources
Days = dict[date, Decimal]


def summed(rows: Iterator[tuple[date, Decimal]]) -> Days:
    days: Days = defaultdict(Decimal)
    for day, cost in rows:
        days[day] += cost
    return dict(days)


def azure_days(rows: list[dict[str, str]]) -> Days:
    return summed(
        (datetime.strptime(row["Date"], "%m/%d/%Y").date(), exact(row["CostInBillingCurrency"])) for row in rows
    )


def gcp_days(rows: list[dict]) -> Days:
    return summed(
        (row["usage_start_time"].date(), exact(row["cost"]) + sum(exact(credit["amount"]) for credit in row["credits"]))
        for row in rows
    )


def cur2_days(root: Path, manifest: Path) -> Days:
    keys = [uri.split("/finops-cur2/", 1)[1] for uri in json.loads(manifest.read_text())["dataFiles"]]
    columns = ["line_item_usage_start_date", "line_item_unblended_cost", "line_item_line_item_type"]
    rows = [row for key in keys for row in pq.ParquetFile(root / key).read(columns).to_pylist()]
    return summed(
        (row["line_item_usage_start_date"].date(), exact(row["line_item_unblended_cost"]))
        for row in rows
        # Covered usage and its negation cancel out on the invoice; the ledger bills neither.
        if row["line_item_line_item_type"] not in ("SavingsPlanCoveredUsage", "SavingsPlanNegation")
    )


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> tuple[Workspace, dict[str, tuple[Days, Days]]]:
    """The restated month, landed in its older delivery and then in its newest; per source the days of both."""
    root = tmp_path_factory.mktemp("sample") / "w"
    write_sample(root, rows=4_000, months=2)
    opened = Workspace.open(root)
    exports = root / "exports"
    hidden = []
    for runs in [*exports.glob("azure/*/20260901-*"), *exports.glob("gcp/*/invoice_month=202609")]:
        older, newest = sorted(runs.iterdir())
        hidden.append((newest, newest.rename(newest.with_name(f".{newest.name}"))))
    cur2 = exports / "aws-payer/cur2/finops-cur2"
    manifest = cur2 / f"metadata/BILLING_PERIOD={RESTATED}/finops-cur2-Manifest.json"
    newest_manifest = manifest.read_bytes()
    older_manifest = min(manifest.parent.glob("*/finops-cur2-Manifest.json"))
    manifest.write_bytes(older_manifest.read_bytes())
    sources = ["aws-payer", "azure-ea", "gcp-main"]

    def days() -> dict[str, Days]:
        return {
            "aws-payer": cur2_days(cur2, manifest),
            "azure-ea": azure_days(dict(read_azure(root, "halden-actual"))[RESTATED]),
            "gcp-main": gcp_days(dict(read_gcp(root))[RESTATED]),
        }

    before = days()
    land(opened, sources, RESTATED)
    for newest, moved in hidden:
        moved.rename(newest)
    manifest.write_bytes(newest_manifest)
    after = days()
    report = land(opened, sources, RESTATED)
    assert {result.outcome for result in report.results} == {"restated"}
    build(opened)
    return opened, {source: (before[source], after[source]) for source in sources}


def test_restatements_of_the_sample_are_known_to_the_day(story):
    """Late days, corrected costs and amounts of each source equal sums over its files that never saw the pipeline."""
    opened, known = story
    with duckdb.connect(str(opened.warehouse), read_only=True) as con:
        rows = con.execute(
            "select x_source, charge_date, sum(billed_difference) as difference from fct_restatements "
            f"where billing_period = '{RESTATED}' group by all having sum(billed_difference) <> 0"
        ).fetchall()
    found: dict[str, Days] = defaultdict(dict)
    for source, day, difference in rows:
        found[source][day] = difference
    for source, (before, after) in known.items():
        expected = {day: after.get(day, 0) - before.get(day, 0) for day in {*before, *after}}
        late = {day for day in after if day not in before}
        wanted = {day: cost for day, cost in expected.items() if abs(cost) >= Decimal("1e-9")}
        # Money has 12 decimals in the ledger; the files have more.
        assert found[source].keys() == wanted.keys(), source
        assert all(abs(found[source][day] - cost) < Decimal("1e-9") for day, cost in wanted.items()), source
        assert source == "aws-payer" or late


def test_the_final_amounts_of_the_sample_equal_its_truth(story):
    """What was billed first plus every restatement is what the generator says the month bills."""
    opened, known = story
    truth = json.loads((opened.root / "truth.json").read_text())["totals"]
    with duckdb.connect(str(opened.warehouse), read_only=True) as con:
        changed = dict(
            con.execute("select x_source, sum(billed_difference) from fct_restatements group by 1").fetchall()
        )
    for total in truth:
        if total["billing_period"] == RESTATED and total["source"] in known:
            first = sum(known[total["source"]][0].values())
            assert abs(first + changed[total["source"]] - Decimal(total["billed"])) < Decimal("1e-6")


def test_a_source_row_that_explain_would_name_holds_the_cost(story):
    """x_source_file and x_source_row of Azure's ledger lines lead to the very row of the provider's file."""
    opened, _ = story
    with duckdb.connect(str(opened.warehouse), read_only=True) as con:
        lines = con.execute(
            "select x_source_file, x_source_row, billed_cost from int_focus__charges "
            "where x_source = 'azure-ea' and x_rule = 'azure/charge' order by billed_cost desc limit 5"
        ).fetchall()
    assert len(lines) == 5
    for name, number, cost in lines:
        row = read_csv_gz(next((opened.root / "exports/azure").rglob(name)))[number - 1]
        assert abs(exact(row["CostInBillingCurrency"]) - cost) < Decimal("1e-12")
