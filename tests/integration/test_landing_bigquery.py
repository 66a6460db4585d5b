"""Landing from BigQuery: one delivery per invoice month, read again only when that month changed, exact to the cent."""

import itertools
import json
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud.bigquery import SchemaField, Table, TimePartitioning

from pipelines.landing import land
from pipelines.landing.deliveries import landed_deliveries
from pipelines.landing.stores import bigquery as bigquery_store
from pipelines.landing.stores import store
from pipelines.landing.stores.bigquery import BigQueryTable, _readable
from tests.emulators.faults import cutting_wire, faulty_proxy
from tests.integration.bills import landed, outcomes, workspace
from tests.integration.remote_stores import files_below

TABLE = "gcp_billing_export_resource_v1_012345_6789AB_CDEF01"


def text(*names: str) -> tuple[SchemaField, ...]:
    return tuple(SchemaField(name, "STRING") for name in names)


def record(name: str, *fields: SchemaField, mode: str = "NULLABLE") -> SchemaField:
    return SchemaField(name, "RECORD", mode, fields=fields)


PAIRS = text("key", "value")
SCHEMA = [
    *text("billing_account_id"),
    record("service", *text("id", "description")),
    record("sku", *text("id", "description")),
    SchemaField("usage_start_time", "TIMESTAMP"),
    SchemaField("usage_end_time", "TIMESTAMP"),
    record("project", *text("id", "number", "name"), record("labels", *PAIRS, mode="REPEATED")),
    record("labels", *PAIRS, mode="REPEATED"),
    record("location", *text("location", "country", "region", "zone")),
    record("price", SchemaField("effective_price", "NUMERIC"), SchemaField("list_price", "NUMERIC")),
    SchemaField("export_time", "TIMESTAMP"),
    SchemaField("cost", "FLOAT"),
    *text("currency"),
    record("usage", SchemaField("amount", "FLOAT"), *text("unit")),
    record("credits", *text("name", "type", "full_name", "id"), SchemaField("amount", "FLOAT"), mode="REPEATED"),
    record("invoice", *text("month")),
    *text("cost_type"),
    SchemaField("is_sampled", "BOOLEAN"),  # a column that no contract names
]


def row(cost: float, month: str = "202609", exported: str = "", **changes: object) -> dict[str, object]:
    """One charge of an invoice month as the detailed export holds it."""
    first = f"{month[:4]}-{month[4:]}-02"
    return {
        "billing_account_id": "012345-6789AB-CDEF01",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "CF4E-A0C7-E3BF", "description": "N2 Instance Core"},
        "usage_start_time": f"{first}T05:00:00Z",
        "usage_end_time": f"{first}T06:00:00Z",
        "project": {"id": "shop", "number": "007", "name": "Shop", "labels": []},
        "labels": [{"key": "team", "value": 'a "quoted"\nsecond line 🚀'}, {"key": "env", "value": "prod"}],
        "location": {"location": "europe-west4", "region": "europe-west4"},
        "price": {"effective_price": "0.123456789", "list_price": "99999999999999999999.000000001"},
        "export_time": f"{exported or first}T12:34:56.789012Z",
        "cost": cost,
        "currency": "USD",
        "usage": {"amount": 3600.5, "unit": "seconds"},
        "credits": [
            {"name": "CUD", "type": "COMMITTED_USAGE_DISCOUNT", "amount": -0.01},
            {"name": "x", "amount": -0.02},
        ],
        "invoice": {"month": month},
        "cost_type": "regular",
        "is_sampled": True,
    } | changes


@pytest.fixture
def table(bigquery, request):
    """An empty export table, partitioned by the day of loading as Google's own, in a dataset of the test's own."""
    dataset = f"billing_{abs(hash(request.node.nodeid))}"
    bigquery.create_dataset(dataset)
    made = Table(f"acme.{dataset}.{TABLE}", schema=SCHEMA)
    made.time_partitioning = TimePartitioning()
    return bigquery.create_table(made)


@pytest.fixture
def append(bigquery, table):
    def add(*rows: dict[str, object]) -> None:
        assert bigquery.insert_rows_json(table, list(rows)) == []

    return add


@pytest.fixture
def fetched(monkeypatch):
    """Names of the months whose rows were read."""
    names: list[str] = []
    fetch = BigQueryTable.fetch
    monkeypatch.setattr(
        BigQueryTable, "fetch", lambda self, file, scratch: names.append(file.key) or fetch(self, file, scratch)
    )
    return names


def uri(table: Table, name: str = "") -> str:
    return f"bigquery://{table.project}/{table.dataset_id}/{name or table.table_id}"


def opened_on(root, place: str, source_format: str = "billing_export"):
    return workspace(root, provider="gcp", source_format=source_format, main=place)


def test_nested_rows_land_with_their_types_and_exact_money(tmp_path, table, append):
    """0.1 + 0.2 is 0.3 here, NUMERIC keeps 9 decimals of 20 digits, and every credit of a row counts."""
    append(row(0.1), row(0.2), row(-0.30000000000000004), row(7, month="202610"))
    opened = opened_on(tmp_path / "w", uri(table))

    assert outcomes(land(opened)) == {("main", "2026-09"): "landed", ("main", "2026-10"): "landed"}

    assert sorted(landed(opened, "cost")) == [Decimal("-0.3"), Decimal("0.1"), Decimal("0.2"), 7]
    assert set(landed(opened, "credits_total")) == {Decimal("-0.03")}
    assert set(landed(opened, "price_list_price")) == {Decimal("99999999999999999999.000000001")}
    assert set(landed(opened, "usage_amount")) == {Decimal("3600.5")}
    assert json.loads(landed(opened, "labels")[0])[0] == {"key": "team", "value": 'a "quoted"\nsecond line 🚀'}
    assert landed(opened, "project_number")[0] == "007" and landed(opened, "is_sampled")[0] == "true"
    assert str(landed(opened, "export_time")[0]) == "2026-09-02 12:34:56.789012"
    september, october = landed_deliveries(opened)
    assert {total.metric: total.landed for total in september.totals} == {"cost": 0, "credits_total": Decimal("-0.09")}
    (file,) = october.files
    assert {name: file[name] for name in ("uri", "key", "etag", "rows")} == {
        "uri": uri(table),
        "key": "2026-10.parquet",
        "etag": "1 rows, newest 2026-10-02T12:34:56.789012+00:00, cost 7",
        "rows": 1,
    }


def test_the_same_rows_land_the_same_from_bigquery_and_from_its_extract(tmp_path, table, append):
    """A source may move from files in a bucket to the table itself without a number changing."""
    rows = [row(n / 7, cost_type="tax" if n % 3 else "regular") for n in range(200)]
    append(*rows)
    extract = tmp_path / "in" / TABLE / "invoice_month=202609"
    extract.mkdir(parents=True)
    (extract / "000000000000.json").write_text("\n".join(json.dumps(r) for r in rows))
    shared = "cost, credits_total, labels, usage_start_time, price_effective_price, usage_amount, cost_type, project_id"
    contents = []
    for number, place in enumerate((uri(table), str(tmp_path / "in"))):
        opened = opened_on(tmp_path / f"w{number}", place)
        assert outcomes(land(opened)) == {("main", "2026-09"): "landed"}
        file = f"'{opened.landing}/*/source=main/billing_period=2026-09/data.parquet'"
        contents.append(duckdb.sql(f"select {shared} from {file} order by cost").fetchall())
    assert len(contents[0]) == 200 and contents[0] == contents[1]


def test_only_months_that_changed_are_read_and_an_unchanged_table_is_not_queried(
    tmp_path, table, append, fetched, monkeypatch
):
    """Late rows of an invoice month restate that month alone; the metadata says that nothing changed, for free."""
    append(row(1), row(2, month="202610"))
    opened = opened_on(tmp_path / "w", uri(table))
    land(opened)
    append(row(3, exported="2026-11-01"))
    fetched.clear()

    assert outcomes(land(opened)) == {("main", "2026-09"): "restated", ("main", "2026-10"): "unchanged"}
    assert fetched == ["2026-09.parquet"] and sorted(landed(opened, "cost")) == [1, 2, 3]

    fetched.clear()
    monkeypatch.setattr(BigQueryTable, "_query", lambda *_: pytest.fail("queried again"))
    assert set(outcomes(land(opened)).values()) == {"unchanged"} and not fetched


def test_a_range_of_months_is_backfilled_and_no_other_month_is_read(tmp_path, table, append, fetched):
    """Across a year's end; a month of the range that the export lacks is said, not skipped."""
    append(*(row(n, month=month) for n, month in enumerate(("202511", "202512", "202601", "202602", "202603"))))
    opened = opened_on(tmp_path / "w", uri(table))
    report = land(opened, period="2025-12..2026-02")
    assert outcomes(report) == {("main", month): "landed" for month in ("2025-12", "2026-01", "2026-02")}
    assert fetched == ["2025-12.parquet", "2026-01.parquet", "2026-02.parquet"]
    (failed,) = land(opened, period="2026-02..2026-05").failed
    assert "the export has no such month (2026-04, 2026-05)" in str(failed.error)
    assert landed(opened, "cost") == [1, 2, 3, 4]


def test_rows_of_a_rewritten_month_with_the_same_count_and_date_are_noticed(tmp_path, bigquery, table, append):
    """A table that someone copies and corrects keeps its counts: the sum of its costs tells."""
    append(row(1), row(2))
    opened = opened_on(tmp_path / "w", uri(table))
    land(opened)
    bigquery.query_and_wait(f"delete from `{table.reference}` where cost = 2")
    append(row(5))
    (opened.landing / "billing_export" / "source=main" / "peeked.json").unlink()
    assert outcomes(land(opened)) == {("main", "2026-09"): "restated"}
    assert sorted(landed(opened, "cost")) == [1, 5]


def test_the_storage_api_and_rest_give_the_same_delivery(tmp_path, table, append, monkeypatch, caplog):
    """Rows are put in an order of their own, so the way they came, or a fallback on the way, restates nothing."""
    append(*(row(n / 3, usage_start_time=f"2026-09-{n % 28 + 1:02}T00:00:00Z") for n in range(300)))
    ids = []
    for door in ("gRPC", "REST", "gRPC that is closed"):
        if door == "REST":
            monkeypatch.delenv("BIGQUERY_STORAGE_EMULATOR_HOST")
        elif door != "gRPC":
            monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", "127.0.0.1:1")
            monkeypatch.setattr("pipelines.landing.stores.store.PATIENCE", 1.0)
        opened = opened_on(tmp_path / door, uri(table))
        assert outcomes(land(opened)) == {("main", "2026-09"): "landed"}
        ids.append(landed_deliveries(opened)[0].delivery_id)
    assert ids[0] == ids[1] == ids[2]
    assert "read over REST, since the Storage Read API failed" in caplog.text


def test_a_table_partitioned_by_a_column_is_read_by_its_partitions(tmp_path, bigquery, table, monkeypatch):
    """Only the days that hold rows of the month are scanned, also where the table demands a filter."""
    by_day = Table(f"acme.{table.dataset_id}.by_day", schema=SCHEMA)
    by_day.time_partitioning = TimePartitioning(field="usage_start_time")
    by_day.require_partition_filter = True
    by_day = bigquery.create_table(by_day)
    days = ("2026-08-31", "2026-09-30", "2026-10-01")
    bigquery.insert_rows_json(by_day, [row(n, usage_start_time=f"{day}T23:00:00Z") for n, day in enumerate(days)])
    bigquery.insert_rows_json(by_day, [row(9, month="202610")])
    asked: list[str] = []
    query = BigQueryTable._query
    monkeypatch.setattr(BigQueryTable, "_query", lambda self, sql: asked.append(sql) or query(self, sql))
    monkeypatch.delenv("BIGQUERY_STORAGE_EMULATOR_HOST")
    opened = opened_on(tmp_path / "w", uri(by_day))

    assert not land(opened).failed

    assert landed(opened, "cost") == [0, 1, 2, 9]
    profile, september, october = asked
    assert "usage_start_time >= timestamp('1970-01-01')" in profile
    assert "usage_start_time >= timestamp('2026-08-31') and usage_start_time < timestamp('2026-10-02')" in september
    assert "usage_start_time >= timestamp('2026-10-02') and usage_start_time < timestamp('2026-10-03')" in october


def test_a_view_lands_like_a_table(tmp_path, bigquery, table, append):
    """Its metadata says nothing about its rows, so they are counted each time."""
    append(row(1), row(2, month="202610"), row(4, cost_type="tax"))
    view = Table(f"acme.{table.dataset_id}.without_tax")
    view.view_query = f"select * from `{table.reference}` where cost_type != 'tax'"
    bigquery.create_table(view)
    opened = opened_on(tmp_path / "w", uri(table, "without_tax"))
    assert outcomes(land(opened)) == {("main", "2026-09"): "landed", ("main", "2026-10"): "landed"}
    append(row(8))
    assert outcomes(land(opened)) == {("main", "2026-09"): "restated", ("main", "2026-10"): "unchanged"}
    assert sorted(landed(opened, "cost")) == [1, 2, 8]


def test_a_focus_table_lands_by_billing_period(tmp_path, bigquery, table):
    """Google's own FOCUS table has the months in BillingPeriodStart."""
    stamps = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "x_ExportTime")
    costs = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
    focus = Table(
        f"acme.{table.dataset_id}.focus",
        schema=[
            *text("BillingCurrency", "ChargeCategory", "ServiceName", "ProviderName", "BillingAccountId"),
            *(SchemaField(name, "TIMESTAMP") for name in stamps),
            *(SchemaField(name, "NUMERIC") for name in costs),
            record("x_Labels", *text("Key", "Value"), mode="REPEATED"),
        ],
    )
    focus = bigquery.create_table(focus)
    rows = [
        {"BillingCurrency": "EUR", "ChargeCategory": "Usage", "ServiceName": "Compute", "ProviderName": "Google Cloud"}
        | dict(zip(stamps, (f"{m}-01", f"{m}-28", f"{m}-02T05:00:00Z", f"{m}-02T06:00:00Z", f"{m}-03"), strict=True))
        | dict.fromkeys(costs, "0.123456789")
        for m in ("2026-08", "2026-09", "2026-09")
    ]
    assert bigquery.insert_rows_json(focus, rows) == []
    opened = opened_on(tmp_path / "w", uri(focus), "focus")
    assert outcomes(land(opened)) == {("main", "2026-08"): "landed", ("main", "2026-09"): "landed"}
    assert landed(opened, "billed_cost") == [Decimal("0.123456789")] * 3


def test_rows_that_arrive_while_a_month_is_read_belong_to_the_next_landing(tmp_path, table, append, monkeypatch):
    """What is landed is what was counted; the next run sees the rest."""
    append(row(1))
    opened = opened_on(tmp_path / "w", uri(table))
    months = BigQueryTable.months
    late = itertools.chain([row(2, exported="2026-09-30")])

    def then_append(self, source_format):
        found = months(self, source_format)
        append(*late)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(BigQueryTable, "months", then_append)
        assert outcomes(land(opened)) == {("main", "2026-09"): "landed"}
    assert landed(opened, "cost") == [1]
    assert outcomes(land(opened)) == {("main", "2026-09"): "restated"}
    assert sorted(landed(opened, "cost")) == [1, 2]


def test_rows_that_vanish_while_a_month_is_read_keep_the_previous_delivery(
    tmp_path, bigquery, table, append, monkeypatch
):
    """Counted and read do not agree: nothing is landed of it."""
    append(row(1))
    opened = opened_on(tmp_path / "w", uri(table))
    land(opened)
    before = landed_deliveries(opened)
    append(row(2))
    months = BigQueryTable.months

    def then_delete(self, source_format):
        found = months(self, source_format)
        bigquery.query_and_wait(f"delete from `{table.reference}` where cost = 1")
        return found

    monkeypatch.setattr(BigQueryTable, "months", then_delete)
    (failed,) = land(opened).failed
    assert "2026-09.parquet: changed or vanished while it was being read" in str(failed.error)
    assert landed_deliveries(opened) == before and landed(opened, "cost") == [1]


@pytest.mark.parametrize(
    ("place", "says", "fix"),
    [
        ("bigquery://acme/billing", "is not bigquery://project/dataset/table", "Name one table"),
        ("bigquery://acme/billing/gcp_billing_export_*", "names more than one table", "a source of its own"),
        ("bigquery://acme/billing/x`; drop table y", "is not bigquery://project/dataset/table", "Name one table"),
        ("bigquery://acme/no_such_dataset/no_such_table", "cannot be read", "Check project, dataset and table"),
    ],
)
def test_a_place_that_is_not_one_table_is_refused(tmp_path, bigquery, place, says, fix):
    """A wildcard would count the standard and the detailed export of one account twice."""
    (failed,) = land(opened_on(tmp_path / "w", place)).failed
    assert says in str(failed.error) and fix in failed.error.fix


def test_a_table_of_something_else_and_rows_without_a_month_are_clear_errors(tmp_path, bigquery, table, append):
    """The message names the table, and the column that is missing or empty."""
    bigquery.create_table(Table(f"acme.{table.dataset_id}.pets", schema=text("name")))
    (failed,) = land(opened_on(tmp_path / "w", uri(table, "pets"))).failed
    assert "pets: has no cost and no invoice.month: it is not a 'billing_export' export" in str(failed.error)
    (failed,) = land(opened_on(tmp_path / "w", uri(table), "cur")).failed
    assert "'cur' is not read from BigQuery" in str(failed.error)
    append(row(1, invoice={"month": None}))
    (failed,) = land(opened_on(tmp_path / "w", uri(table))).failed
    assert "has 1 rows whose billing period is empty" in str(failed.error)


def test_an_empty_table_is_an_export_that_has_not_run(tmp_path, table):
    """Nothing found is said, never landed as an empty month."""
    (failed,) = land(opened_on(tmp_path / "w", uri(table))).failed
    assert "no export found" in str(failed.error)


# --- faults between the client and the emulator ---


def refused(status: int, reason: str, message: str) -> tuple[int, dict[str, str], bytes]:
    body = {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


THROTTLED = refused(403, "rateLimitExceeded", "Exceeded rate limits: too many concurrent queries")
UNAVAILABLE = refused(503, "backendError", "Error encountered during execution. Retrying may solve the problem.")
EXPIRED = refused(401, "authError", "Request had invalid authentication credentials (token expired).")
METADATA, QUERY, PAGE = (
    r"GET /bigquery/v2/projects/acme/datasets/.*/tables/",
    r"POST /bigquery/v2/projects/acme/(queries|jobs)",
    r"GET /bigquery/v2/projects/acme/queries/.*pageToken",
)


@pytest.fixture
def proxy(bqemulator, bigquery, monkeypatch):
    """Only REST, in pages of 50 rows, through a proxy that injects faults."""
    monkeypatch.setattr(store, "PATIENCE", 3.0)
    monkeypatch.setattr(bigquery_store, "_PAGE_ROWS", 50)
    monkeypatch.delenv("BIGQUERY_STORAGE_EMULATOR_HOST")
    with faulty_proxy(bqemulator.url) as door:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", door.url)
        yield door


@pytest.mark.parametrize("fault", ["none", "throttled", "unavailable", "cut"])
def test_pages_are_read_to_the_last_through_throttling_errors_and_cuts(tmp_path, table, append, proxy, fault):
    """Every kind of request fails once, on its way; every row lands once."""
    append(*(row(n / 4) for n in range(230)))
    what = {"throttled": {"answer": THROTTLED}, "unavailable": {"answer": UNAVAILABLE}, "cut": {"cut": 50}}
    for when in (METADATA, QUERY, PAGE) if fault != "none" else ():
        proxy.inject(when, times=1, **what[fault])
    opened = opened_on(tmp_path / "w", uri(table))
    assert outcomes(land(opened)) == {("main", "2026-09"): "landed"}
    assert sorted(landed(opened, "cost")) == [Decimal(n) / 4 for n in range(230)]
    assert len(proxy.seen(PAGE)) >= 4 and not any(fault.times for fault in proxy.faults)


def test_a_bigquery_that_keeps_refusing_is_a_clear_failure(tmp_path, table, append, proxy):
    """Throttled or down: later. Credentials: renew them, check the clock. The previous delivery stays whole."""
    append(row(1))
    opened = opened_on(tmp_path / "w", uri(table))
    land(opened)
    append(*(row(n) for n in range(120)))
    before, files = landed_deliveries(opened), files_below(opened)
    later = "Run `finops land` again later"
    for when, answer, fix in (
        (METADATA, UNAVAILABLE, later),
        (QUERY, THROTTLED, later),
        (PAGE, UNAVAILABLE, later),
        (METADATA, EXPIRED, "Renew the credentials (`gcloud auth application-default login`) and check this machine's"),
        (QUERY, EXPIRED, "Renew the credentials"),
        (PAGE, EXPIRED, "Renew the credentials"),
        (QUERY, refused(403, "accessDenied", "User does not have bigquery.jobs.create"), "roles/bigquery.jobUser"),
    ):
        proxy.heal()
        proxy.inject(when, answer=answer)
        (failed,) = land(opened).failed
        assert fix in failed.error.fix and uri(table) in failed.error.where, (when, failed.error)
        assert when == QUERY or ("2026-09.parquet" in failed.error.where) == (when == PAGE)
        assert "cannot be read" in failed.error.what and "previous deliver" in failed.error.done
        assert landed_deliveries(opened) == before and landed(opened, "cost") == [1]
        assert {name for name in files_below(opened) if "peeked" not in name} <= files
    proxy.heal()
    assert outcomes(land(opened)) == {("main", "2026-09"): "restated"}


@pytest.mark.parametrize("cuts", [[20_000], [20_000, 500, 20_000]])
def test_a_stream_that_is_cut_is_taken_up_or_read_over_rest(tmp_path, table, append, bqemulator, monkeypatch, cuts):
    """However often the wire breaks, each row lands exactly once."""
    append(*(row(n / 4, usage_end_time=f"2026-09-02T06:00:{n % 60:02}Z", labels=[]) for n in range(400)))
    monkeypatch.setattr(store, "PATIENCE", 5.0)
    with cutting_wire(bqemulator.second, cuts) as door:
        monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", door)
        opened = opened_on(tmp_path / "w", uri(table))
        assert outcomes(land(opened)) == {("main", "2026-09"): "landed"}
    assert sorted(landed(opened, "cost")) == [Decimal(n) / 4 for n in range(400)]


def test_a_server_that_is_not_there_is_a_clear_failure(tmp_path, table, append, proxy, monkeypatch):
    """A closed door ends in an error after the patience, not in a hang."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "127.0.0.1:1")
    (failed,) = land(opened_on(tmp_path / "w", uri(table))).failed
    assert "cannot be read" in str(failed.error) and "Run `finops land` again later" in failed.error.fix


def test_a_key_that_google_no_longer_accepts_is_a_clear_failure(tmp_path, monkeypatch):
    """The credentials themselves expired: Google's token door says so, BigQuery is never asked, no secret is shown."""
    secret = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    answer = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    with faulty_proxy("http://127.0.0.1:1") as door:
        door.inject("POST /token", answer=(400, {"Content-Type": "application/json"}, json.dumps(answer).encode()))
        key = {
            "type": "service_account", "project_id": "acme", "private_key_id": "k1", "private_key": secret.decode(),
            "client_email": "finops@acme.iam.gserviceaccount.com", "token_uri": f"{door.url}/token",
        }  # fmt: skip
        (tmp_path / "key.json").write_text(json.dumps(key))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
        monkeypatch.setattr(store, "PATIENCE", 3.0)
        (failed,) = land(opened_on(tmp_path / "w", "bigquery://acme/billing/export")).failed
        assert door.seen("POST /token")

    assert "Token has been expired or revoked" in failed.error.what and "previous deliver" in failed.error.done
    assert failed.error.fix.startswith("Renew the credentials (`gcloud auth application-default login`)")
    assert "PRIVATE KEY" not in str(failed.error)


def test_bignumeric_keeps_every_digit_as_text():
    """76 digits do not fit into a decimal of 38: also inside nested rows they are text until the landing's casts."""
    wide = pa.decimal256(76, 38)
    rows = pa.table({"cost": pa.array([Decimal("0.12345678901234567890123456789012345678")], wide)})
    nested = pa.list_(pa.struct([pa.field("amount", wide), pa.field("name", pa.string())]))

    assert _readable(nested) == pa.list_(pa.struct([pa.field("amount", pa.string()), pa.field("name", pa.string())]))
    assert rows["cost"].cast(_readable(wide)).to_pylist() == ["0.12345678901234567890123456789012345678"]
