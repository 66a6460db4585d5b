"""What lands is what the files say: text, totals, columns that nobody knows, digit for digit."""

import csv
import json
import shutil
import zipfile
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.landing import land
from pipelines.landing.deliveries import landed_deliveries
from tests.integration.bills import (
    HEADER,
    cur2_rows,
    data_export,
    landed,
    line,
    open_workspace,
    outcomes,
    report,
    workspace,
)

FIXTURES = Path(__file__).parents[1] / "fixtures"
SEPTEMBER = ("main", "2026-09")


AWKWARD = 'say "hi"\nto 🦆, O\'Neil; {"a": 1}\\'


def test_awkward_tags_survive_in_a_cur_csv(tmp_path):
    """Quotes, newlines, emoji, backslashes and JSON in a tag: byte for byte."""
    report(tmp_path / "in", [line("1", tag=AWKWARD), line("2", tag="")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    first, second = landed(opened, "resource_tags")
    assert json.loads(first) == {"user:Owner": AWKWARD} and second is None


def test_awkward_tags_survive_in_a_cur2_map(tmp_path):
    """The Parquet MAP lands as one JSON object of the same keys and values."""
    tags = f"map {{'user_owner': {sql_text(AWKWARD)}, 'ключ 🦆': 'x'}}"
    data_export(tmp_path / "in", cur2_rows("0.1", tags))
    opened = workspace(tmp_path / "w", source_format="cur2", main=tmp_path / "in")
    land(opened)
    assert json.loads(landed(opened, "resource_tags")[0]) == {"user_owner": AWKWARD, "ключ 🦆": "x"}
    assert landed(opened) == [Decimal("0.1")]


def sql_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def test_awkward_tags_survive_in_azure_json(tmp_path):
    """Azure's tags column is JSON text and lands letter by letter."""
    tags = json.dumps({"Owner": AWKWARD, "b": ""}, ensure_ascii=False)
    cell = '"' + tags.replace('"', '""') + '"'
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bill.csv").write_text(
        f"Date,CostInBillingCurrency,BillingCurrencyCode,Tags\n09/01/2026,5,EUR,{cell}\n", "utf-8"
    )
    opened = workspace(tmp_path / "w", "azure", "cost_details", main=tmp_path / "in")
    land(opened)
    assert landed(opened, "tags") == [tags]
    assert json.loads(landed(opened, "tags")[0])["Owner"] == AWKWARD


@pytest.mark.parametrize("marks", ["\ufeff", "\ufeff\ufeff"])
def test_byte_order_marks_do_not_hide_the_first_column(tmp_path, marks):
    """One mark or two in front of the header, and one in front of the first value, all vanish."""
    (tmp_path / "in").mkdir()
    text = f"{marks}SubscriptionId,Date,CostInBillingCurrency,BillingCurrencyCode\n\ufeffs-1,09/01/2026,5,EUR\n"
    (tmp_path / "in" / "bill.csv").write_text(text, "utf-8")
    opened = workspace(tmp_path / "w", "azure", "cost_details", main=tmp_path / "in")
    assert outcomes(land(opened)) == {SEPTEMBER: "landed"}
    assert landed(opened, "subscription_id") == ["s-1"]


def test_a_zipped_report_lands_like_a_plain_one(tmp_path):
    """Every CSV in the zip counts, other members do not."""
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "bill.csv.zip", "w") as archive:
        archive.writestr("a/one.csv", f"{HEADER}\n{line('5')}\n")
        archive.writestr("b/two.csv", f"{HEADER}\n{line('6')}\n")
        archive.writestr("readme.txt", "hello")
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    assert outcomes(land(opened)) == {SEPTEMBER: "landed"}
    assert landed(opened) == [Decimal(5), Decimal(6)]
    assert landed(opened, "x_source_file") == ["bill.csv.zip!one.csv", "bill.csv.zip!two.csv"]


@pytest.mark.parametrize("kind", ["garbage", "no csv", "encrypted"])
def test_a_zip_that_cannot_be_unpacked_is_named_and_stops_nobody(tmp_path, kind):
    """A damaged, empty or encrypted zip fails its own source only."""
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "bill.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.txt" if kind == "no csv" else "one.csv", f"{HEADER}\n{line('5')}\n")
    if kind == "garbage":
        path.write_bytes(b"PK nonsense")
    if kind == "encrypted":
        content = path.read_bytes()
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            at = content.index(mark) + offset
            content = content[:at] + b"\x01" + content[at + 1 :]
        path.write_bytes(content)
    report(tmp_path / "other", [line("9")])
    result = land(workspace(tmp_path / "w", main=tmp_path / "in", other=tmp_path / "other"))
    assert {r.source: r.outcome for r in result.results} == {"main": "failed", "other": "landed"}
    assert "bill.zip" in str(result.failed[0].error)


def test_columns_that_we_do_not_know_survive_as_text(tmp_path):
    """A provider's new column lands as written: no guess at its type, no zeros lost, dots in its name or not."""
    header = HEADER + ",lineItem/NewThing,Owner,owner,my.column"
    report(tmp_path / "in", [line("1") + ",0042,A,b,1e3"], header=header)
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    (delivery,) = landed_deliveries(opened)
    assert landed(opened, "line_item_new_thing") == ["0042"]
    assert (landed(opened, "owner"), landed(opened, "owner__2")) == (["A"], ["b"])
    assert [name for name in delivery.columns if name.startswith("my")] != []


def test_nested_columns_that_we_do_not_know_survive_as_json(tmp_path):
    """A MAP or STRUCT without a contract lands as JSON text."""
    data_export(tmp_path / "in", f"select *, {{'a': 1, 'b': ['x']}} as new_thing from ({cur2_rows('1')})")
    opened = workspace(tmp_path / "w", source_format="cur2", main=tmp_path / "in")
    land(opened)
    assert json.loads(landed(opened, "new_thing")[0]) == {"a": 1, "b": ["x"]}


def test_account_ids_keep_their_leading_zeros(tmp_path):
    """An account id is text."""
    report(tmp_path / "in", [line("1")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    assert landed(opened, "line_item_usage_account_id") == ["001234567890"]


def test_contract_columns_that_an_export_lacks_land_as_typed_null(tmp_path):
    """The models read the same columns and types from every delivery."""
    report(tmp_path / "in", [line("1")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    assert landed(opened, "savings_plan_used_commitment") == [None]
    assert landed(opened, "typeof(savings_plan_used_commitment)") == ["DECIMAL(28,12)"]


def test_control_totals_tie_the_text_to_what_landed(tmp_path):
    """1.0000000000005 + 0.0000000000015: source to the last digit, landed half-even, the rest named rounding."""
    report(tmp_path / "in", [line("1.0000000000005"), line("0.0000000000015")])
    opened = workspace(tmp_path / "w", main=tmp_path / "in")
    land(opened)
    (total,) = landed_deliveries(opened)[0].totals
    assert total.source == Decimal("1.000000000002") and total.landed == Decimal("1.000000000002")
    assert total.rounding == 0 and total.rows == 2


def test_a_real_ea_bill_ties_to_the_sum_of_its_text(tmp_path):
    """Microsoft's sample of eleven rows: every row lands and the cost is the sum of the Cost column."""
    (tmp_path / "in").mkdir()
    shutil.copy(FIXTURES / "azure" / "EA_ActualCost_Small.csv", tmp_path / "in" / "actual.csv")
    with (tmp_path / "in" / "actual.csv").open(encoding="utf-8-sig", newline="") as lines:
        costs = [Decimal(row["Cost"]) for row in csv.DictReader(lines)]
    opened = workspace(tmp_path / "w", "azure", "cost_details", main=tmp_path / "in")
    land(opened)
    assert [d.rows for d in landed_deliveries(opened)] == [len(costs)]
    assert sum(total.source for d in landed_deliveries(opened) for total in d.totals) == sum(costs)


def test_google_s_crossover_rows_are_billed_in_the_month_of_their_invoice(tmp_path):
    """Two slices, usage of September invoiced in October: each row lands once, under its invoice month."""
    header = "cost,currency,usage_start_time,invoice.month,service.id,sku.id"
    for label, rows in {
        "202609": ["1,USD,2026-09-29 00:00:00 UTC,202609,s,k", "2,USD,2026-09-30 23:00:00 UTC,202610,s,k"],
        "202610": ["4,USD,2026-10-01 00:00:00 UTC,202610,s,k"],
    }.items():
        folder = tmp_path / "in" / f"invoice_month={label}"
        folder.mkdir(parents=True)
        (folder / "rows.csv").write_text("\n".join([header, *rows, ""]))
    opened = workspace(tmp_path / "w", "gcp", "billing_export", main=tmp_path / "in")
    land(opened)
    files = f"{opened.landing}/billing_export/source=main/billing_period=2*/data.parquet"
    rows = duckdb.sql(f"select x_billing_period, sum(cost) from '{files}' group by 1 order by 1").fetchall()
    assert rows == [("2026-09", Decimal(1)), ("2026-10", Decimal(6))]


def test_a_default_currency_fills_only_what_the_file_leaves_empty(tmp_path):
    """`currency` in finops.toml is for old exports without the column; a stated currency wins."""
    report(tmp_path / "in", [line("1", currency=""), line("2", currency="eur")])
    source = {"name": "main", "provider": "aws", "format": "cur", "uri": str(tmp_path / "in"), "currency": "USD"}
    opened = open_workspace(tmp_path / "w", source)
    land(opened)
    assert landed(opened, "line_item_currency_code") == ["USD", "EUR"]
