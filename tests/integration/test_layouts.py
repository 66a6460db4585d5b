"""Every format and layout that providers write: it lands whole, its total is exact, and drift loses nothing."""

import gzip
import json
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


def parquet(path: Path, select: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.execute(f"copy ({select}) to '{path}' (format parquet, compression snappy)")
    return path


def text(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "\n".join([*lines, ""]).encode(encoding)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def all_landed(tmp_path: Path, provider: str, source_format: str) -> object:
    opened = workspace(tmp_path / "w", provider, source_format, main=tmp_path / "in")
    result = land(opened)
    assert [str(r.error) for r in result.failed] == []
    return opened


# --- AWS ---

CUR_MANIFEST = {"reportName": "mycur", "assemblyId": "a1", "billingPeriod": {"start": "20260901T000000.000Z"}}


def test_a_cur_with_athena_integration(tmp_path):
    """Parquet below report/report/year=/month=, manifest one folder higher, status table beside; costs are DOUBLE."""
    top = tmp_path / "in" / "cur" / "mycur"
    key = "cur/mycur/mycur/year=2026/month=9/mycur-00001.snappy.parquet"
    rows = cur2_rows("0.1", rows=3).replace(
        "map {'user_owner': 'ada'} as resource_tags", "'ada' as resource_tags_user_owner"
    )
    rows = rows.replace("map {'region': 'eu'} as product", "'Amazon S3' as product_product_name")
    parquet(tmp_path / "in" / key, rows)
    parquet(top / "mycur/cost_and_usage_data_status/s.parquet", "select 'READY' as status")
    (top / "year=2026/month=9").mkdir(parents=True)
    (top / "year=2026/month=9/mycur-Manifest.json").write_text(json.dumps(CUR_MANIFEST | {"reportKeys": [key]}))
    (top / "year=2026/month=9/mycur-create-table.sql").write_text("create external table …")
    opened = all_landed(tmp_path, "aws", "cur")
    assert landed(opened) == [Decimal("0.1")] * 3
    assert [json.loads(t) for t in landed(opened, "resource_tags")] == [{"user_owner": "ada"}] * 3


@pytest.mark.parametrize("packing", ["csv.gz", "csv.zip"])
def test_an_overwritten_cur_of_several_parts(tmp_path, packing):
    """Parts beside the manifest, each with its header; the second brings a tag column that the first lacks."""
    folder = tmp_path / "in" / "cur" / "mycur" / "20260901-20261001"
    headers = {1: HEADER, 2: HEADER + ",resourceTags/user:Team"}
    for number, header in headers.items():
        rows = [header, line(str(number)) + (",blue" if number == 2 else "")]
        path = text(folder / f"mycur-{number}.csv.gz", *rows)
        if packing == "csv.zip":
            with zipfile.ZipFile(folder / f"mycur-{number}.csv.zip", "w") as archive:
                archive.writestr(f"mycur-{number}.csv", gzip.decompress(path.read_bytes()))
            path.unlink()
    keys = [f"cur/mycur/20260901-20261001/mycur-{number}.{packing}" for number in headers]
    (folder / "mycur-Manifest.json").write_text(json.dumps(CUR_MANIFEST | {"reportKeys": keys}))
    opened = all_landed(tmp_path, "aws", "cur")
    assert landed(opened) == [1, 2]
    assert [json.loads(t) for t in landed(opened, "resource_tags")] == [
        {"user:Owner": "ada"},
        {"user:Owner": "ada", "user:Team": "blue"},
    ]


def test_tag_keys_that_differ_by_case_are_both_kept(tmp_path):
    """resourceTags/user:Owner and user:owner are two columns of a CSV and two tags."""
    report(tmp_path / "in", [line("1") + ",bob"], header=HEADER + ",resourceTags/user:owner")
    opened = all_landed(tmp_path, "aws", "cur")
    assert json.loads(landed(opened, "resource_tags")[0]) == {"user:Owner": "ada", "user:owner": "bob"}


def test_a_cur_2_in_csv_has_its_maps_as_json(tmp_path):
    """BILLING_PERIOD folders, no execution folder (overwrite), maps as JSON text, an emptied surplus chunk."""
    data = tmp_path / "in" / "p" / "e" / "data" / "BILLING_PERIOD=2026-09"
    header = "line_item_line_item_type,line_item_unblended_cost,line_item_currency_code,line_item_product_code,"
    header += "line_item_usage_account_id,line_item_usage_start_date,bill_billing_period_start_date,resource_tags"
    row = 'Usage,6.71E-8,USD,AmazonS3,001,2026-09-01T00:00:00.000Z,2026-09-01T00:00:00.000Z,"{""user_owner"":""ada""}"'
    text(data / "e-00001.csv.gz", header, row)
    (data / "e-00002.csv.gz").write_bytes(b"")
    manifest = {"exportArn": "arn:e", "dataFiles": ["s3://b/p/e/data/BILLING_PERIOD=2026-09/e-00001.csv.gz"]}
    metadata = tmp_path / "in" / "p" / "e" / "metadata" / "BILLING_PERIOD=2026-09"
    metadata.mkdir(parents=True)
    (metadata / "e-Manifest.json").write_text(json.dumps(manifest))
    opened = all_landed(tmp_path, "aws", "cur2")
    assert landed(opened) == [Decimal("6.71E-8")]
    assert json.loads(landed(opened, "resource_tags")[0]) == {"user_owner": "ada"}


def test_a_tag_key_twice_in_one_map_does_not_hide_the_bill(tmp_path):
    """Glue writes such maps; DuckDB refuses them as MAP, so the pairs are read as they are and both land."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = data_export(tmp_path / "in", cur2_rows("1"))
    table = pq.read_table(path)
    twice = pa.array([[("k", "a"), ("k", "b")]], pa.map_(pa.string(), pa.string()))
    pq.write_table(table.set_column(table.schema.get_field_index("resource_tags"), "resource_tags", twice), path)
    opened = all_landed(tmp_path, "aws", "cur2")
    assert landed(opened) == [1] and '"k":"a"' in landed(opened, "resource_tags")[0]


AWS_FOCUS = """select 'Usage' as ChargeCategory, 0.1::double as BilledCost, 0.1::double as EffectiveCost,
    'USD' as BillingCurrency, timestamp '2026-09-01' as BillingPeriodStart, timestamp '2026-09-02 03:00' as
    ChargePeriodStart, 'AWS' as ProviderName, 'Amazon S3' as ServiceName, map {'team': 'a'} as Tags,
    map {'EDP': -0.01::double} as x_Discounts, 'PutObject' as x_Operation, '001' as SubAccountId"""


@pytest.mark.parametrize("spelling", ["AsInFiles", "lowercase"])
def test_an_aws_focus_export(tmp_path, spelling):
    """Data Exports layout with billing_period= in lower case; Glue writes the column names in lower case."""
    select = AWS_FOCUS
    if spelling == "lowercase":
        names = [row[0] for row in duckdb.sql(f"describe {AWS_FOCUS}").fetchall()]
        select = f"select {', '.join(f'{n} as {n.lower()}' for n in names)} from ({AWS_FOCUS})"
    name = "f/data/billing_period=2026-09/f-00001.snappy.parquet"
    parquet(tmp_path / "in" / name, select)
    metadata = tmp_path / "in" / "f" / "metadata" / "billing_period=2026-09"
    metadata.mkdir(parents=True)
    (metadata / "f-Manifest.json").write_text(json.dumps({"exportArn": "arn:f", "dataFiles": [f"s3://b/{name}"]}))
    opened = all_landed(tmp_path, "aws", "focus")
    assert landed(opened, "billed_cost") == [Decimal("0.1")]
    assert json.loads(landed(opened, "tags")[0]) == {"team": "a"}
    assert json.loads(landed(opened, "x_discounts")[0]) == {"EDP": -0.01}
    assert landed(opened, "x_operation") == ["PutObject"]


# --- Azure ---


def azure_export(folder: Path, kind: str, files: dict[str, int], run: str = "202609200307/6b622448-daaa-439c") -> Path:
    """The manifest of one run of one export; returns the run's folder, for the parts."""
    where = folder / "billing" / kind.lower() / "20260901-20260930" / run
    where.mkdir(parents=True, exist_ok=True)
    prefix = where.relative_to(folder).as_posix()
    manifest = {
        "manifestVersion": "2024-04-01",
        "blobCount": len(files),
        "dataRowCount": sum(files.values()),
        "exportConfig": {"exportName": kind, "type": kind},
        "runInfo": {"submittedTime": "2026-09-20T03:07:11.1234567Z", "startDate": "2026-09-01T00:00:00"},
        "blobs": [{"blobName": f"{prefix}/{name}", "dataRowCount": rows} for name, rows in files.items()],
    }
    (where / "manifest.json").write_text(json.dumps(manifest))
    return where


EA = (
    "InvoiceSectionName,SubscriptionId,Date,MeterCategory,Quantity,CostInBillingCurrency,Tags,BillingCurrencyCode,"
    "ChargeType"
)
MCA = (
    "invoiceId,billingProfileId,date,meterCategory,quantity,costInBillingCurrency,costInUsd,tags,billingCurrency,"
    "chargeType,SubscriptionId,resourceLocation,location,billingPeriodStartDate"
)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "snappy.parquet"])
def test_azure_runs_of_several_parts_in_every_file_format(tmp_path, suffix):
    """Run folders with a stamp and an id; two parts; amounts with more than twelve decimals; American dates."""
    names = [f"part_0_000{n}.{suffix}" for n in (1, 2)]
    where = azure_export(tmp_path / "in", "ActualCost", dict.fromkeys(names, 1))
    costs = ["0.0000000072922557592391990000", "12.5"]
    for name, cost in zip(names, costs, strict=True):
        if "parquet" in suffix:
            parquet(
                where / name,
                f"select 's-1' as SubscriptionId, date '2026-09-02' as Date, {cost}::decimal(38,18) as "
                "CostInBillingCurrency, 'EUR' as BillingCurrencyCode, 1::decimal(38,18) as Quantity",
            )
        else:
            text(where / name, "\ufeff" + EA, f'x,s-1,9/2/2026,Storage,1,{cost},"""env"": ""prod""",EUR,Usage')
    opened = all_landed(tmp_path, "azure", "cost_details")
    assert landed(opened, "cost_in_billing_currency") == [Decimal("0.000000007292"), Decimal("12.5")]
    assert landed(opened, "strftime(date, '%Y-%m-%d')") == ["2026-09-02"] * 2


def test_azure_mca_actual_and_amortised_with_column_names_in_camel_case(tmp_path):
    """Both exports below one uri; `resourceLocation` wins over `location` wherever it stands."""
    for kind, cost in {"ActualCost": "5", "AmortizedCost": "4"}.items():
        where = azure_export(tmp_path / "in", kind, {"part_1_0001.csv": 1})
        row = f'I-1,p,09/02/2026,Storage,1,{cost},{cost},"{{""a"": ""b""}}",EUR,Usage,s-1,westeurope,EU West,09/01/2026'
        text(where / "part_1_0001.csv", MCA, row)
    opened = all_landed(tmp_path, "azure", "cost_details")
    assert sorted(landed(opened, "x_dataset || cost_in_billing_currency")) == [
        "actual5.000000000000",
        "amortized4.000000000000",
    ]
    assert landed(opened, "resource_location") == ["westeurope"] * 2


def test_a_name_of_its_own_wins_over_an_alias_in_front_of_it(tmp_path):
    """`location` before `resourceLocation`, `Cost` before `CostInBillingCurrency`: position decides nothing."""
    header = "location,Cost,resourceLocation,CostInBillingCurrency,Date,BillingCurrencyCode"
    text(tmp_path / "in" / "bill.csv", header, "EU West,7,westeurope,5,09/02/2026,EUR")
    opened = all_landed(tmp_path, "azure", "cost_details")
    assert landed(opened, "cost_in_billing_currency") == [5] and landed(opened, "resource_location") == ["westeurope"]


@pytest.mark.parametrize("version", ["1.0", "1.0r2", "1.0-preview(v1)"])
def test_an_azure_focus_export_of_any_version(tmp_path, version):
    """1.0 writes times without seconds, 1.0r2 with them; the preview calls region and usage by other names."""
    start = {"1.0": "2026-09-01T00:00Z"}.get(version, "2026-09-01T00:00:00Z")
    older = version.endswith("(v1)")
    usage, region = ("UsageQuantity", "Region") if older else ("ConsumedQuantity", "RegionName")
    header = "BilledCost,EffectiveCost,BillingCurrency,BillingPeriodStart,ChargePeriodStart,ChargeCategory,ServiceName,"
    header += f"ProviderName,{usage},{region},Tags,x_SkuTerm"
    where = azure_export(tmp_path / "in", "FocusCost", {"part_0_0001.csv": 1})
    text(
        where / "part_0_0001.csv",
        header,
        f'1.5,1.5,EUR,{start},{start},Usage,S,Microsoft,3,West Europe,"{{""a"":""b""}}",36',
    )
    opened = all_landed(tmp_path, "azure", "focus")
    assert landed(opened, "billed_cost") == [Decimal("1.5")] and landed(opened, "consumed_quantity") == [3]
    assert landed(opened, "region_name") == ["West Europe"] and landed(opened, "x_sku_term") == ["36"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_text_that_a_spreadsheet_saved(tmp_path, encoding):
    """Excel writes a byte-order mark, or UTF-16 with one."""
    text(tmp_path / "in" / "bill.csv", EA, "é,s-1,09/02/2026,Storage,1,5,,EUR,Usage", encoding=encoding)
    opened = all_landed(tmp_path, "azure", "cost_details")
    assert landed(opened, "invoice_section_name") == ["é"] and landed(opened, "cost_in_billing_currency") == [5]


# --- Google Cloud ---

GCP = """select 'B' as billing_account_id, {'id': 's', 'description': 'Compute Engine'} as service,
    {'id': 'k', 'description': 'Core'} as sku, timestamptz '2026-09-30 23:00:00+00' as usage_start_time,
    {'id': 'p', 'number': '1', 'name': 'p', 'labels': [{'key': 'env', 'value': 'x'}]} as project,
    [{'key': 'team', 'value': 'a'}] as labels, 2.5::double as cost, 'USD' as currency,
    {'month': '202610', 'publisher_type': 'GOOGLE'} as invoice, 'regular' as cost_type,
    [{'name': 'c', 'amount': -0.5::double, 'full_name': 'f', 'id': 'i', 'type': 'DISCOUNT'},
     {'name': 'd', 'amount': -0.25::double, 'full_name': 'g', 'id': 'j', 'type': 'PROMOTION'}] as credits"""
DETAILED = ", {'name': 'vm', 'global_name': '//vm'} as resource"
AFTER_JANUARY = """, {'id': 'm', 'description': 'Committed'} as consumption_model,
    2.1::decimal(38,9) as cost_at_effective_price_default"""


@pytest.mark.parametrize("more", ["", DETAILED, DETAILED + AFTER_JANUARY], ids=["standard", "detailed", "2026-01-21"])
def test_google_s_nested_rows_before_and_after_their_changes(tmp_path, more):
    """All credits count; what older tables lack is a typed NULL; the invoice month is the billing period."""
    parquet(tmp_path / "in" / "invoice_month=202610" / "run=20261123T0300Z" / "000000000000.parquet", GCP + more)
    opened = all_landed(tmp_path, "gcp", "billing_export")
    assert landed(opened, "cost + credits_total") == [Decimal("1.75")]
    assert landed(opened, "len(credits)") == [2]
    assert landed(opened, "consumption_model_id") == (["m"] if "consumption" in more else [None])
    assert landed(opened, "resource_name") == (["vm"] if more else [None])
    (delivery,) = landed_deliveries(opened)
    assert delivery.billing_period == "2026-10" and sum(t.source for t in delivery.totals) == Decimal("1.75")


def test_shards_of_two_shapes_are_one_month(tmp_path):
    """Columns came in the middle of the month: older shards lack them, and no row is lost."""
    folder = tmp_path / "in" / "invoice_month=202610"
    parquet(folder / "000000000000.parquet", GCP)
    parquet(folder / "000000000001.parquet", GCP + DETAILED + AFTER_JANUARY)
    opened = all_landed(tmp_path, "gcp", "billing_export")
    assert landed(opened, "cost + credits_total") == [Decimal("1.75")] * 2
    assert landed(opened, "resource_name") == [None, "vm"]


def test_google_s_focus_table(tmp_path):
    """55 columns, no Tags, labels as a list of records: they become the tags."""
    parquet(
        tmp_path / "in" / "000000000000.parquet",
        """select 1.25::decimal(38,9) as BilledCost, 1.25::decimal(38,9) as EffectiveCost, 'USD' as BillingCurrency,
        timestamptz '2026-09-01 07:00:00+00' as BillingPeriodStart, timestamptz '2026-09-02 00:00:00+00' as
        ChargePeriodStart, 'Usage' as ChargeCategory, 'Compute Engine' as ServiceName, 'Google Cloud' as ProviderName,
        [{'Key': 'team', 'Value': 'a'}, {'Key': 'env', 'Value': 'x'}] as x_Labels,
        [{'Name': 'c', 'Amount': -0.5::double}] as x_Credits, {'Id': 'p', 'Number': '1'} as x_Project""",
    )
    opened = all_landed(tmp_path, "gcp", "focus")
    assert landed(opened, "billed_cost") == [Decimal("1.25")]
    assert json.loads(landed(opened, "tags")[0]) == {"team": "a", "env": "x"}
    assert json.loads(landed(opened, "x_project")[0]) == {"Id": "p", "Number": "1"}


# --- FOCUS of anyone ---


@pytest.mark.parametrize("provider", ["ProviderName", "ServiceProviderName"])
def test_focus_of_a_provider_that_we_do_not_know(tmp_path, provider):
    """Any order of columns, custom columns, tags as JSON text, the provider's name in 1.0's and in 1.4's column."""
    header = f"x_CreditUnits,Tags,ChargePeriodStart,{provider},ServiceName,ChargeCategory,BillingPeriodStart,"
    header += "BillingCurrency,BilledCost,x_Région"
    row = '0042,"{""team"":""é, \'x\'""}",2026-09-02 00:00:00,Databricks,SQL,Usage,2026-09-01,USD,"$1,234.50",ü'
    text(tmp_path / "in" / "databricks.csv.gz", header, row)
    opened = all_landed(tmp_path, "databricks", "focus")
    assert landed(opened, "billed_cost") == [Decimal("1234.5")]
    assert landed(opened, "coalesce(service_provider_name, provider_name)") == ["Databricks"]
    assert landed(opened, "x_credit_units") == ["0042"] and json.loads(landed(opened, "tags")[0]) == {"team": "é, 'x'"}


# --- drift ---


def test_a_column_that_changes_its_type_within_a_month_keeps_every_digit(tmp_path):
    """DECIMAL in one shard, DOUBLE in the next, text in the third: none may pass through another's type."""
    folder = tmp_path / "in" / "run"
    costs = {
        "12345678901.123456789::decimal(38,9)": "12345678901.123456789",
        "0.1::double": "0.1",
        "'0.123456789012'": "0.123456789012",
        "7::bigint": "7",
    }
    for number, cost in enumerate(costs):
        parquet(
            folder / f"part-{number}.parquet", AWS_FOCUS.replace("0.1::double as BilledCost", f"{cost} as BilledCost")
        )
    opened = all_landed(tmp_path, "acme", "focus")
    assert landed(opened, "billed_cost") == [Decimal(value) for value in costs.values()]


def test_decimals_beside_doubles_keep_every_digit(tmp_path):
    """Left to the engine the two would meet as DOUBLE, and the decimal's last digits would go."""
    folder = tmp_path / "in" / "run"
    for number, cost in enumerate(["12345678901.123456789::decimal(38,9)", "0.1::double"]):
        select = AWS_FOCUS.replace("0.1::double as BilledCost", f"{cost} as BilledCost")
        parquet(folder / f"part-{number}.parquet", select)
    opened = all_landed(tmp_path, "acme", "focus")
    assert landed(opened, "billed_cost") == [Decimal("12345678901.123456789"), Decimal("0.1")]


def test_dates_and_tags_that_change_their_type_within_a_month(tmp_path):
    """A timestamp, a zoned one, a date and text; a MAP and its JSON text: all mean the same."""
    folder = tmp_path / "in" / "run"
    whens = [
        "timestamp '2026-09-02'",
        "timestamptz '2026-09-02 00:00:00+00'",
        "date '2026-09-02'",
        "'2026-09-02T00:00:00Z'",
    ]
    for number, when in enumerate(whens):
        select = AWS_FOCUS.replace("timestamp '2026-09-02 03:00' as", f"{when} as")
        if number % 2:
            select = select.replace("map {'team': 'a'} as Tags", """'{"team":"a"}' as Tags""")
            select = select.replace("map {'EDP': -0.01::double} as x_Discounts", "'none' as x_Discounts")
        parquet(folder / f"part-{number}.parquet", select)
    opened = all_landed(tmp_path, "acme", "focus")
    assert len(set(landed(opened, "charge_period_start"))) == 1
    assert [json.loads(t) for t in landed(opened, "tags")] == [{"team": "a"}] * 4
    assert landed(opened, "x_discounts") == ['{"EDP":-0.01}', "none", '{"EDP":-0.01}', "none"]


def test_columns_that_come_and_go_between_months(tmp_path):
    """Each month lands with what it has; the models see every column of the contract in both."""
    report(tmp_path / "in", [line("1") + ",7"], header=HEADER + ",product/softwareType")
    report(tmp_path / "in", [line("2", "2026-10")], month="2026-10")
    opened = all_landed(tmp_path, "aws", "cur")
    september, october = landed_deliveries(opened)
    assert set(september.columns) - set(october.columns) == {"product_software_type"}
    assert landed(opened) == [1, 2]


def test_a_month_without_charges_is_a_delivery_of_no_rows(tmp_path):
    """Header-only text and zero-row Parquet in a month's folder are valid: the month is empty, not missing."""
    text(tmp_path / "in" / "e" / "20260901-20260930" / "e.csv", EA)
    empty = "select 5::double as CostInBillingCurrency, date '2026-10-01' as Date, 'EUR' as Currency where false"
    parquet(tmp_path / "in" / "e" / "20261001-20261031" / "e.parquet", empty)
    opened = workspace(tmp_path / "w", "azure", "cost_details", main=tmp_path / "in")
    assert outcomes(land(opened)) == {("main", "2026-09"): "landed", ("main", "2026-10"): "landed"}
    assert [d.rows for d in landed_deliveries(opened)] == [0, 0]


def test_credits_that_python_printed_land_like_json(tmp_path):
    """nise and scripts print them as a list of dicts, with None where Google has no type."""
    (tmp_path / "in").mkdir()
    credits = "[{'name': 'x', 'amount': -0.5, 'type': None}, {'name': 'y', 'amount': -0.25, 'type': 'DISCOUNT'}]"
    (tmp_path / "in" / "bill.csv").write_text(
        "billing_account_id,service.description,sku.description,usage_start_time,project.id,cost,currency,invoice.month,"
        "cost_type,credits\n"
        f'b,Compute Engine,N1,2026-09-13 07:00:00 UTC,p,2.5,USD,202609,regular,"{credits}"\n'
    )
    opened = workspace(tmp_path / "w", "gcp", "billing_export", main=tmp_path / "in")

    assert land(opened).failed == []
    assert landed(opened, "credits_total") == [Decimal("-0.75")]
    assert landed(opened, "[c.type for c in credits]") == [[None, "DISCOUNT"]]


def test_an_ea_bill_of_before_2019_lands_by_its_extended_cost(tmp_path):
    """Blanks in the names, an American date, a comma at the end of every line, and no currency."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Detail.csv").write_text(
        "SubscriptionGuid,Date,Month,Day,Year,Meter Category,Consumed Quantity,ResourceRate,ExtendedCost,Tags,\n"
        'guid-1,09/13/2026,9,13,2026,Virtual Machines,24,0.1,2.4,"{""a"":""b""}",\n'
    )
    opened = open_workspace(tmp_path / "w", {"name": "main", "provider": "azure", "format": "cost_details",
                                             "uri": str(tmp_path / "in"), "currency": "EUR"})  # fmt: skip

    assert land(opened).failed == []
    assert landed(opened, "[cost_in_billing_currency, quantity]") == [[Decimal("2.4"), Decimal(24)]]
