"""Discovery: the manifest decides what belongs to a month; strays, older runs, half-written files take no part."""

import json
import time
from dataclasses import replace

import pytest

from pipelines.errors import BadExportError, ExportError, ExportNotReadyError
from pipelines.landing.discovery import find_deliveries
from tests.unit.listings import Listing, find, stated_months, taken

PERIOD_FOLDER = "cur/mycur/20260901-20261001"


def cur_manifest(assembly: str, keys: list[str], name: str = "mycur", month: str = "202609") -> str:
    return json.dumps(
        {
            "assemblyId": assembly,
            "reportName": name,
            "billingPeriod": {"start": f"{month}01T000000.000Z", "end": "whatever"},
            "reportKeys": keys,
        }
    )


def cur_version(store: Listing, assembly: str, parts: int = 1, folder: str = PERIOD_FOLDER) -> None:
    """One version of a legacy CUR as AWS writes it with create-new: parts, then both manifests."""
    keys = [f"{folder}/{assembly}/mycur-{number}.csv.gz" for number in range(1, parts + 1)]
    for key in keys:
        store.put(key)
    store.put(f"{folder}/{assembly}/mycur-Manifest.json", cur_manifest(assembly, keys))
    store.put(f"{folder}/mycur-Manifest.json", cur_manifest(assembly, keys))


def cur2_manifest(files: list[str], export: str = "arn:aws:bcm-data-exports:us-east-1:1:export/e-1") -> str:
    return json.dumps({"exportArn": export, "dataFiles": [f"s3://bucket/prefix/{name}" for name in files]})


def azure_manifest(blobs: dict[str, int], submitted: str, kind: str = "ActualCost", export: str = "daily") -> str:
    return json.dumps(
        {
            "exportConfig": {"exportName": export, "type": kind},
            "runInfo": {"submittedTime": submitted, "startDate": "2026-09-01T00:00:00", "runId": submitted},
            "blobs": [{"blobName": name, "dataRowCount": rows} for name, rows in blobs.items()],
        }
    )


def test_only_the_assembly_that_the_period_s_manifest_names_counts():
    """AWS create-new leaves some thirty whole copies of a month; strays and older copies are never added."""
    store = Listing()
    cur_version(store, "old", parts=2)
    cur_version(store, "new", parts=2)
    store.put(f"{PERIOD_FOLDER}/new/mycur-3.csv.gz").put(f"{PERIOD_FOLDER}/copy of mycur-1.csv.gz").put("notes.csv")
    assert taken("cur", store) == {
        "2026-09": [f"{PERIOD_FOLDER}/new/mycur-1.csv.gz", f"{PERIOD_FOLDER}/new/mycur-2.csv.gz"]
    }


def test_an_old_assembly_s_manifest_touched_last_does_not_win():
    """A copy of an old manifest with a new date (after a restore) is still the old version."""
    store = Listing()
    cur_version(store, "new")
    key = f"{PERIOD_FOLDER}/old/mycur-1.csv.gz"
    store.put(key).put(f"{PERIOD_FOLDER}/old/mycur-Manifest.json", cur_manifest("old", [key]))
    assert taken("cur", store) == {"2026-09": [f"{PERIOD_FOLDER}/new/mycur-1.csv.gz"]}


def test_the_period_comes_from_the_manifest_s_first_day():
    """20181001-20181101 and 20181001-20181031 both mean October."""
    store = Listing()
    for month, folder in {"202609": "20260901-20261001", "202610": "20261001-20261031"}.items():
        key = f"cur/mycur/{folder}/mycur-1.csv.gz"
        store.put(key).put(f"cur/mycur/{folder}/mycur-Manifest.json", cur_manifest("a", [key], month=month))
    assert list(taken("cur", store)) == ["2026-09", "2026-10"]


def test_a_uri_may_point_anywhere_above_the_files():
    """Manifests count keys from the bucket; a uri of the report's own folder finds the same files."""
    store = Listing()
    key = f"{PERIOD_FOLDER}/a1/mycur-1.csv.gz"
    store.put("20260901-20261001/a1/mycur-1.csv.gz").put(
        "20260901-20261001/mycur-Manifest.json", cur_manifest("a1", [key])
    )
    assert taken("cur", store) == {"2026-09": ["20260901-20261001/a1/mycur-1.csv.gz"]}


def test_cur2_executions_older_than_the_newest_are_ignored():
    """The manifest directly in the period's metadata folder is the newest; those of executions repeat older ones."""
    store = Listing()
    for execution in ("2026-09-14T23:48:02.356Z-aaa", "2026-09-15T23:48:02.356Z-bbb"):
        name = f"e/data/BILLING_PERIOD=2026-09/{execution}/e-00001.snappy.parquet"
        store.put(name)
        store.put(f"e/metadata/BILLING_PERIOD=2026-09/{execution}/e-Manifest.json", cur2_manifest([name]))
        store.put("e/metadata/BILLING_PERIOD=2026-09/e-Manifest.json", cur2_manifest([name]))
    assert taken("cur2", store) == {
        "2026-09": ["e/data/BILLING_PERIOD=2026-09/2026-09-15T23:48:02.356Z-bbb/e-00001.snappy.parquet"]
    }


def test_without_the_top_manifest_the_latest_execution_counts():
    """Execution folders begin with their time, so their names put them in order whatever the upload order was."""
    store = Listing()
    for execution in ("2026-09-15T23:48:02.356Z-bbb", "2026-09-14T23:48:02.356Z-aaa"):
        name = f"e/data/BILLING_PERIOD=2026-09/{execution}/e-00001.snappy.parquet"
        store.put(name)
        store.put(f"e/metadata/BILLING_PERIOD=2026-09/{execution}/e-Manifest.json", cur2_manifest([name]))
    assert taken("cur2", store)["2026-09"] == [
        "e/data/BILLING_PERIOD=2026-09/2026-09-15T23:48:02.356Z-bbb/e-00001.snappy.parquet"
    ]


def test_emptied_chunks_that_the_manifest_does_not_list_are_left_alone():
    """Overwritten with fewer chunks, AWS leaves the surplus ones behind, empty."""
    store = Listing()
    folder = "e/data/BILLING_PERIOD=2026-09"
    store.put(f"{folder}/e-00001.snappy.parquet").put(f"{folder}/e-00002.snappy.parquet")
    store.put("e/metadata/BILLING_PERIOD=2026-09/e-Manifest.json", cur2_manifest([f"{folder}/e-00001.snappy.parquet"]))
    assert taken("cur2", store) == {"2026-09": [f"{folder}/e-00001.snappy.parquet"]}


def azure_run(store: Listing, run: str, submitted: str, parts: int = 1, **config: str) -> list[str]:
    folder = f"exports/daily/20260901-20260930/{run}"
    names = [f"{folder}/part_0_{number:04d}.csv" for number in range(1, parts + 1)]
    for name in names:
        store.put(name)
    store.put(f"{folder}/manifest.json", azure_manifest(dict.fromkeys(names, 7), submitted, **config))
    return names


def test_the_azure_run_submitted_last_counts_whatever_its_folder_is_called():
    """Run folders are random ids; the manifest's submittedTime orders them, not names and not upload order."""
    store = Listing()
    newest = azure_run(store, "0aaa", "2026-09-21T06:00:00.0000000Z", parts=2)
    azure_run(store, "fbbb", "2026-09-20T06:00:00.0000000Z", parts=3)
    assert taken("cost_details", store) == {"2026-09": newest}


def test_azure_actual_and_amortised_runs_are_two_datasets_of_one_delivery():
    """Both belong to the month, told apart by the manifest's type; their rows per file are known."""
    store = Listing()
    azure_run(store, "a", "2026-09-20T06:00:00Z", kind="ActualCost", export="actual")
    azure_run(store, "b", "2026-09-20T06:00:00Z", kind="AmortizedCost", export="amortized")
    (found,) = find("cost_details", store)
    assert sorted(part.dataset for part in found.parts) == ["actual", "amortized"]
    assert [list(part.rows.values()) for part in found.parts] == [[7], [7]]


@pytest.mark.parametrize("kind", ["FocusCost", "PriceSheet", "ReservationDetails"])
def test_other_azure_exports_beside_the_bill_are_ignored(kind):
    """A container often holds FOCUS, price and reservation exports too; they are not cost details."""
    store = Listing()
    names = azure_run(store, "a", "2026-09-20T06:00:00Z")
    azure_run(store, "b", "2026-09-21T06:00:00Z", kind=kind, export="other")
    assert taken("cost_details", store) == {"2026-09": names}


def test_a_month_that_only_one_of_two_declared_exports_has_is_not_ready():
    """Actual without amortised cost would leave the month without its effective cost."""
    actual, amortized = Listing(), Listing()
    azure_run(actual, "a", "2026-09-20T06:00:00Z")
    amortized.put("x/20260801-20260831/r/p.csv", "2026-08,1")
    found = find_deliveries("cost_details", {"actual": actual, "amortized": amortized}, stated_months, "main")
    assert [(one.period, type(one.problem)) for one in found] == [
        ("2026-08", ExportNotReadyError),
        ("2026-09", ExportNotReadyError),
    ]
    assert "the amortized export has no such month" in str(found[1].problem)


def test_a_manifest_that_names_an_absent_file_is_not_ready():
    """Data may still be on its way: nothing of the month is read, and the message counts what is missing."""
    store = Listing()
    keys = [f"{PERIOD_FOLDER}/a1/mycur-1.csv.gz", f"{PERIOD_FOLDER}/a1/mycur-2.csv.gz"]
    store.put(keys[0]).put(f"{PERIOD_FOLDER}/mycur-Manifest.json", cur_manifest("a1", keys))
    (found,) = find("cur", store)
    assert isinstance(found.problem, ExportNotReadyError)
    assert found.files == []
    assert "names 1 of 2 files that are not there" in str(found.problem) and "mycur-2.csv.gz" in str(found.problem)


def test_an_older_file_of_the_same_name_does_not_stand_in_for_an_absent_one():
    """Every assembly holds a mycur-1.csv.gz; only the whole path makes it the one the manifest means."""
    store = Listing()
    cur_version(store, "old")
    missing = f"{PERIOD_FOLDER}/new/mycur-1.csv.gz"
    store.put(f"{PERIOD_FOLDER}/mycur-Manifest.json", cur_manifest("new", [missing]))
    (found,) = find("cur", store)
    assert isinstance(found.problem, ExportNotReadyError)


@pytest.mark.parametrize("name", ["../../etc/passwd", "cur/../../secret/mycur-1.csv.gz", "/../x.csv"])
def test_a_manifest_s_path_that_leaves_the_export_is_refused(name):
    """A manifest is data from outside: `..` in it is an attack or an accident, never a file to open."""
    store = Listing().put(f"{PERIOD_FOLDER}/mycur-Manifest.json", cur_manifest("a1", [name])).put("x.csv")
    (found,) = find("cur", store)
    assert isinstance(found.problem, BadExportError) and "leaves the export's folder" in str(found.problem)
    assert found.files == []


@pytest.mark.parametrize("name", ["%2e%2e/%2e%2e/etc/passwd", "a/%2E%2E/%2E%2E/b.parquet"])
def test_an_escaped_path_in_a_data_export_s_manifest_is_refused_too(name):
    """The URIs of a Data Exports manifest are unescaped before they are judged."""
    store = Listing().put("e/metadata/BILLING_PERIOD=2026-09/e-Manifest.json", cur2_manifest([name]))
    (found,) = find("cur2", store)
    assert isinstance(found.problem, BadExportError)


def test_an_absolute_path_in_a_manifest_is_only_ever_looked_up_in_the_listing():
    """/etc/passwd is not in the listing, so it is an absent file and not the system's."""
    store = Listing().put(f"{PERIOD_FOLDER}/mycur-Manifest.json", cur_manifest("a1", ["/etc/passwd"]))
    (found,) = find("cur", store)
    assert isinstance(found.problem, ExportNotReadyError)


def test_two_reports_of_one_month_under_one_uri_are_refused():
    """An hourly and a daily report are the same money twice; the error names both."""
    store = Listing()
    for name in ("daily", "hourly"):
        key = f"cur/{name}/20260901-20261001/{name}-1.csv.gz"
        store.put(key)
        store.put(f"cur/{name}/20260901-20261001/{name}-Manifest.json", cur_manifest("a", [key], name=name))
    with pytest.raises(ExportError, match=r"holds two exports of 2026-09: daily and hourly") as caught:
        find("cur", store)
    assert "Give each export a source" in str(caught.value)


def test_two_data_exports_with_one_file_name_are_told_apart_by_their_arn():
    """Export names repeat across accounts; the ARN does not."""
    store = Listing()
    for account in ("1", "2"):
        name = f"{account}/data/BILLING_PERIOD=2026-09/e-00001.snappy.parquet"
        manifest = cur2_manifest([name], export=f"arn:aws:bcm-data-exports:us-east-1:{account}:export/e")
        store.put(name).put(f"{account}/metadata/BILLING_PERIOD=2026-09/e-Manifest.json", manifest)
    with pytest.raises(ExportError, match="two exports of 2026-09"):
        find("cur2", store)


def test_a_manifest_of_another_kind_is_no_manifest():
    """A dbt or web manifest.json in the folder neither counts nor stops the bill."""
    store = Listing().put("site/manifest.json", '{"name": "app"}')
    cur_version(store, "a1")
    assert taken("cur", store) == {"2026-09": [f"{PERIOD_FOLDER}/a1/mycur-1.csv.gz"]}


@pytest.mark.parametrize("content", ["{", "[]", '"text"', "\x00\x01", "[" * 100_000, '{"reportKeys": []}'])
def test_a_manifest_that_cannot_be_read_fails_its_month_and_no_other(content):
    """A half-written manifest is named and its month waits: guessing without it could land half a month."""
    store = Listing().put(f"{PERIOD_FOLDER}/mycur-Manifest.json", content).put(f"{PERIOD_FOLDER}/mycur-1.csv.gz", "x")
    october = "cur/mycur/20261001-20261101"
    key = f"{october}/mycur-1.csv.gz"
    store.put(key).put(f"{october}/mycur-Manifest.json", cur_manifest("a", [key], month="202610"))
    september, sound = find("cur", store)
    assert isinstance(september.problem, BadExportError) and "mycur-Manifest.json" in str(september.problem)
    assert september.period == "2026-09" and september.files == [] and september.problem.fix
    assert sound.problem is None and [file.key for file in sound.files] == [key]


def test_a_half_written_copy_in_an_assembly_folder_does_not_hide_the_month_s_own_manifest():
    """The manifest of the period's folder is the one that counts; what lies deeper may be on its way."""
    store = Listing()
    cur_version(store, "good")
    store.put(f"{PERIOD_FOLDER}/next/mycur-Manifest.json", '{"assem').put(f"{PERIOD_FOLDER}/next/mycur-1.csv.gz", "x")
    assert taken("cur", store) == {"2026-09": [f"{PERIOD_FOLDER}/good/mycur-1.csv.gz"]}


def test_a_manifest_of_no_month_that_cannot_be_read_stops_its_source():
    """Nothing says which month it belongs to, so none may be trusted."""
    with pytest.raises(BadExportError, match=r"x/manifest\.json"):
        find("cost_details", Listing().put("x/manifest.json", "{").put("x/part_0_0001.csv", "2026-09,1"))


@pytest.mark.parametrize("start", ["2026-13-01", "../../x", "", "soon"])
def test_a_manifest_s_month_never_becomes_a_path(start):
    """The month names a folder in landing; text that is no month is refused."""
    manifest = json.loads(azure_manifest({"a.csv": 1}, "2026-09-20T06:00:00Z"))
    manifest["runInfo"]["startDate"] = start
    store = Listing().put("x/run/manifest.json", json.dumps(manifest)).put("x/run/a.csv")
    with pytest.raises(BadExportError, match=r"manifest\.json: states '"):
        find("cost_details", store)


def test_an_azure_manifest_whose_blobs_have_no_name_is_an_error_that_names_it():
    """A manifest of an unknown shape is reported like any other unreadable one."""
    manifest = json.loads(azure_manifest({}, "2026-09-20T06:00:00Z")) | {"blobs": [{"dataRowCount": 3}]}
    store = Listing().put("x/20260901-20260930/r/manifest.json", json.dumps(manifest))
    (found,) = find("cost_details", store)
    assert isinstance(found.problem, BadExportError) and "manifest.json" in str(found.problem)


@pytest.mark.parametrize("stray", ["mycur-1.csv.gz", "other/mycur-1.csv.gz", "a1/mycur-1.csv.gz"])
def test_a_stray_of_the_same_name_elsewhere_does_not_stand_in_for_an_absent_file(stray):
    """A file that somebody copied to the top of the bucket is not the one that the manifest means."""
    missing = f"{PERIOD_FOLDER}/a1/mycur-1.csv.gz"
    store = Listing().put(stray, "x").put(f"{PERIOD_FOLDER}/mycur-Manifest.json", cur_manifest("a1", [missing]))
    (found,) = find("cur", store)
    assert isinstance(found.problem, ExportNotReadyError) and "The previous delivery" in found.problem.done


def test_on_a_bucket_the_key_is_the_whole_key():
    """The uri says where in the bucket the listing begins, so only the very key of the manifest is taken."""
    store = Listing()
    store.uri = "s3://bills/team"
    key = f"team/{PERIOD_FOLDER}/a1/mycur-1.csv.gz"
    store.put(f"{PERIOD_FOLDER}/mycur-Manifest.json", cur_manifest("a1", [key]))
    store.put(f"{PERIOD_FOLDER}/old/{PERIOD_FOLDER}/a1/mycur-1.csv.gz", "x")
    assert isinstance(find("cur", store)[0].problem, ExportNotReadyError)
    store.put(f"{PERIOD_FOLDER}/a1/mycur-1.csv.gz", "x")
    assert taken("cur", store) == {"2026-09": [f"{PERIOD_FOLDER}/a1/mycur-1.csv.gz"]}


@pytest.mark.parametrize("top", ["", "copy/of/", "cur/mycur/"])
@pytest.mark.parametrize("uri", ["memory", "/data/in", "s3://another-bucket/backup", "s3://bills"])
def test_an_export_copied_elsewhere_as_a_whole_is_found(top, uri):
    """Manifests keep naming the first place; below the export's own folder everything lies as it did."""
    store = Listing()
    store.uri = uri
    key = "20260901-20261001/a1/mycur-1.csv.gz"
    store.put(top + key).put(top + "20260901-20261001/mycur-Manifest.json", cur_manifest("a1", ["cur/mycur/" + key]))
    assert taken("cur", store) == {"2026-09": [top + key]}


def test_an_athena_report_s_manifest_lies_beside_its_data_not_above_it():
    """report/year=2026/month=9/report-Manifest.json names report/report/year=2026/month=9/report-00001.parquet."""
    store = Listing()
    key = "cur/mycur/mycur/year=2026/month=9/mycur-00001.snappy.parquet"
    store.put(key).put("cur/mycur/mycur/year=2026/month=8/mycur-00001.snappy.parquet")
    store.put("cur/mycur/year=2026/month=9/mycur-Manifest.json", cur_manifest("a1", [key]))
    assert taken("cur", store) == {"2026-09": [key]}


def test_a_blob_that_is_not_there_in_full_waits():
    """Azure's manifest states each plain blob's bytes: a shorter one is still being written."""
    name = "daily/20260901-20260930/r/part_0_0001.csv"
    manifest = json.loads(azure_manifest({name: 2}, "2026-09-20T06:00:00Z"))
    manifest["blobs"][0]["byteCount"] = 20
    store = Listing().put(name, "x" * 19).put("daily/20260901-20260930/r/manifest.json", json.dumps(manifest))
    assert isinstance(find("cost_details", store)[0].problem, ExportNotReadyError)
    store.put(name, "x" * 20)
    assert taken("cost_details", store) == {"2026-09": [name]}


@pytest.mark.parametrize("announced", [{"blobCount": 2}, {"blobCount": 3, "dataRowCount": 5}])
def test_an_azure_manifest_that_lists_fewer_blobs_than_it_announces_waits(announced):
    """A partial manifest would land a partial month."""
    name = "daily/20260901-20260930/r/part_0_0001.csv"
    manifest = json.loads(azure_manifest({name: 2}, "2026-09-20T06:00:00Z")) | announced
    store = Listing().put(name, "x").put("daily/20260901-20260930/r/manifest.json", json.dumps(manifest))
    problem = find("cost_details", store)[0].problem
    assert isinstance(problem, ExportNotReadyError) and f"announces {announced['blobCount']} blobs" in str(problem)


@pytest.mark.parametrize("counts", [{"blobCount": 0}, {"blobCount": None, "dataRowCount": 0}])
def test_an_azure_run_without_charges_is_a_delivery_of_no_rows(counts):
    """No blobs and none announced: a valid, empty month."""
    manifest = json.loads(azure_manifest({}, "2026-09-20T06:00:00Z")) | counts
    store = Listing().put("daily/20260901-20260930/r/manifest.json", json.dumps(manifest))
    (found,) = find("cost_details", store)
    assert found.problem is None and found.files == []


def test_a_fresh_run_folder_without_its_manifest_waits_and_does_not_count():
    """The parts of a run appear before its manifest: the last whole run of that month stays."""
    store = Listing()
    names = azure_run(store, "whole", "2026-09-20T06:00:00Z")
    store.put("exports/daily/20260901-20260930/next/part_0_0001.csv", "2026-09,9")
    assert taken("cost_details", store) == {"2026-09": names}


def test_a_month_folder_without_any_manifest_beside_others_is_never_skipped_silently():
    """Fresh files wait for their manifest and say so; files a day old are an export from before manifests."""
    store = Listing()
    azure_run(store, "whole", "2026-09-20T06:00:00Z")
    key = "exports/daily/20261001-20261031/next/part_0_0001.csv"
    store.put(key, "2026-10,9")
    fresh = replace(store.entries[key], modified=time.time())
    store.entries[key] = fresh
    (_, october) = find("cost_details", store)
    assert isinstance(october.problem, ExportNotReadyError) and "have no manifest" in str(october.problem)
    store.entries[key] = replace(fresh, modified=fresh.modified - 90_000)
    assert taken("cost_details", store)["2026-10"] == [key]


def test_an_export_of_the_other_kind_under_a_declared_uri_is_left_alone():
    """`actual` and `amortized` may point at one folder: each takes its own kind by manifest."""
    store = Listing()
    actual = azure_run(store, "a", "2026-09-20T06:00:00Z", kind="ActualCost", export="actual")
    amortized = azure_run(store, "b", "2026-09-21T06:00:00Z", kind="AmortizedCost", export="amortized")
    (found,) = find_deliveries("cost_details", {"actual": store, "amortized": store}, stated_months, "main")
    assert {p.dataset: [f.key for f in p.files] for p in found.parts} == {"actual": actual, "amortized": amortized}


def test_an_empty_place_is_an_error_that_says_where_it_looked():
    """A source that finds nothing must not pass as a source without costs."""
    with pytest.raises(ExportError, match="no export found below memory"):
        find("cur", Listing().put("readme.txt").put("create-table.sql"))
