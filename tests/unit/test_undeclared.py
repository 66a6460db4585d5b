"""Discovery without a manifest: the newest file (or set of numbered parts) of a month counts; nothing twice."""

import json
from pathlib import PurePosixPath

import pytest

from pipelines.errors import BadExportError
from pipelines.landing.discovery import find_deliveries
from pipelines.landing.stores import SourceFile
from tests.unit.listings import Listing, find, stated_months, taken

JOB = "6b622448-daaa-439c-92f1-afc727f1e0a3"
OTHER_JOB = "fb622448-daaa-439c-92f1-afc727f1e0a4"


def test_the_newest_file_per_month_counts():
    """An export without a manifest is replaced by its next file, month by month."""
    store = Listing().put("a/one.csv", "2026-08,1").put("b/two.csv", "2026-09,1").put("c/three.csv", "2026-09,2")
    assert taken("focus", store) == {"2026-08": ["a/one.csv"], "2026-09": ["c/three.csv"]}


def test_daily_files_that_restate_the_month_are_never_added_together():
    """export-20261001.csv and export-20261002.csv are two versions of October, not two halves."""
    store = Listing().put("x/export-20261001.csv", "2026-10,1").put("x/export-20261002.csv", "2026-10,2")
    assert taken("cost_details", store) == {"2026-10": ["x/export-20261002.csv"]}


def _days(first: int, last: int) -> str:
    return "\n".join(f"2026-10,2026-10-{day:02d}" for day in range(first, last + 1))


@pytest.mark.parametrize("source_format", ["focus", "cost_details", "cur"])
@pytest.mark.parametrize("spans", [[(1, 1), (2, 2)], [(1, 10), (11, 20)], [(1, 10), (8, 17)], [(11, 20), (1, 10)]])
def test_increments_without_a_manifest_are_refused_and_not_reduced_to_the_newest(source_format, spans):
    """Daily files, ten-day files, a sliding window, and the older half delivered last."""
    store = Listing()
    for number, span in enumerate(spans):
        store.put(f"x/{number}/bill.csv", _days(*span))

    (october,) = find(source_format, store)

    said = str(october.problem)
    (older, newer) = spans
    assert f"x/0/bill.csv holds 2026-10-{older[0]:02d} to 2026-10-{older[1]:02d}" in said
    assert f"the newer x/1/bill.csv holds 2026-10-{newer[0]:02d} to 2026-10-{newer[1]:02d}" in said
    assert "numbered parts of one folder" in said and "previous delivery stays" in said


@pytest.mark.parametrize(
    "spans", [[(1, 10), (1, 20)], [(1, 20), (1, 10)], [(1, 10), (11, 20), (1, 31)], [(3, 9), (5, 6)]]
)
def test_versions_of_a_month_that_hold_its_first_days_replace_each_other(spans):
    """Month to date, an older copy delivered again, the whole month after increments, a shrunk month."""
    store = Listing()
    for number, span in enumerate(spans):
        store.put(f"x/{number}/bill.csv", _days(*span))

    assert taken("focus", store) == {"2026-10": [f"x/{len(spans) - 1}/bill.csv"]}


@pytest.mark.parametrize(
    "names",
    [
        ["part_0_0001.csv", "part_1_0001.csv"],
        ["e-00001.csv.gz", "e-00002.csv.gz"],
        ["bill-000000000000.parquet", "bill-000000000001.parquet"],
        ["bill000000000000.csv", "bill000000000001.csv"],
        ["part-00000-" + JOB + "-c000.snappy.parquet", "part-00001-" + JOB + "-c000.snappy.parquet"],
        ["part-00000-tid-77-" + JOB + "-1-1-c000.parquet", "part-00001-tid-77-" + JOB + "-2-1-c000.parquet"],
        ["20261001_060708_00012_abcde_" + JOB + ".parquet", "20261001_060708_00012_abcde_" + OTHER_JOB + ".parquet"],
        ["data_0_0_0.csv.gz", "data_0_1_0.csv.gz"],
        ["data_0.parquet", "data_1.parquet"],
        ["part-0.parquet", "part-1.parquet", "part-10.parquet", *(f"part-{n}.parquet" for n in range(2, 10))],
    ],
    ids=lambda names: names[0],
)
def test_numbered_parts_of_one_folder_are_one_version(names):
    """The ways of Azure, AWS, BigQuery, Spark, Athena, Snowflake, DuckDB and Arrow to number one export's parts."""
    store = Listing()
    for name in names:
        store.put(f"run/{name}", "2026-09,1")
    assert taken("focus", store) == {"2026-09": sorted(f"run/{name}" for name in names)}


def test_the_numbered_parts_of_a_report_without_its_manifest_are_one_version():
    """mycur-1 and mycur-2 make up the month, and mycur-10 belongs to them too."""
    store = Listing()
    for number in range(1, 11):
        store.put(f"old/mycur-{number}.csv.gz", "2026-09,1")
    for number in (1, 2):
        store.put(f"new/mycur-{number}.csv.gz", "2026-09,1")
    assert taken("cur", store) == {"2026-09": ["new/mycur-1.csv.gz", "new/mycur-2.csv.gz"]}


def test_the_parts_of_two_spark_jobs_are_two_versions():
    """Both jobs wrote into one folder; their ids tell them apart and the later one counts."""
    store = Listing()
    for job in (JOB, OTHER_JOB):
        for part in ("00000", "00001"):
            store.put(f"run/part-{part}-{job}-c000.snappy.parquet", "2026-09,1")
    assert taken("focus", store) == {
        "2026-09": [f"run/part-{part}-{OTHER_JOB}-c000.snappy.parquet" for part in ("00000", "00001")]
    }


@pytest.mark.parametrize("names", [["bill-2.csv", "bill-3.csv"], ["bill-1.csv", "bill-2.csv"], ["v1.csv", "v2.csv"]])
def test_other_numbered_files_are_versions(names):
    """Nothing says that bill-1 and bill-2 are halves: counting both could double the month."""
    store = Listing()
    for name in names:
        store.put(name, "2026-09,1")
    assert taken("focus", store) == {"2026-09": [names[-1]]}


def test_each_month_takes_only_the_parts_that_hold_rows_of_it():
    """A part of another month neither changes nor re-reads this one."""
    store = Listing().put("part-0.csv", "2026-08,1").put("part-1.csv", "2026-09,1").put("part-2.csv", "2026-09,2")
    assert taken("focus", store) == {"2026-08": ["part-0.csv"], "2026-09": ["part-1.csv", "part-2.csv"]}


def test_objects_without_a_byte_do_not_count_beside_others():
    """An export that shrank leaves empty objects where its last parts were."""
    store = Listing().put("r/e-00001.csv", "2026-09,1").put("r/e-00002.csv", "")
    assert taken("focus", store) == {"2026-09": ["r/e-00001.csv"]}


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("20260901-20260930/202609200307/0b", "20260901-20260930/202609210307/0a"),
        ("BILLING_PERIOD=2026-09/2026-09-14T23:48:02.356Z-b", "BILLING_PERIOD=2026-09/2026-09-15T23:48:02.356Z-a"),
        ("run=20260920T0300Z", "run=20260921T0300Z"),
    ],
)
def test_run_folders_are_ordered_by_their_own_time(older, newer):
    """Copying files changes their times; the time in the path stays."""
    store = Listing().put(f"x/{newer}/e.csv", "2026-09,2").put(f"x/{older}/e.csv", "2026-09,1")
    assert taken("focus", store) == {"2026-09": [f"x/{newer}/e.csv"]}


def test_a_file_that_cannot_be_read_fails_the_month_that_its_path_states():
    """The other months of the source go on."""
    store = Listing().put("x/20260901-20260930/e.csv", "a").put("x/20261001-20261031/e.csv", "2026-10,1")

    def peek(listing: Listing, files: list[SourceFile]) -> dict[str, tuple[str, str] | None]:
        if "20260901" in files[0].key:
            raise BadExportError(files[0].key, "is cut short")
        return stated_months(listing, files)

    september, october = find_deliveries("focus", {"": store}, peek, "main")
    assert (september.period, str(september.problem)) == ("2026-09", "x/20260901-20260930/e.csv: is cut short.")
    assert october.problem is None


def test_parts_in_another_folder_are_another_version():
    """Numbered parts of an older run in a sister folder are not added to the newest."""
    store = Listing()
    for run in ("old", "new"):
        for number in (1, 2):
            store.put(f"{run}/e-0000{number}.csv", "2026-09,1")
    assert taken("focus", store) == {"2026-09": ["new/e-00001.csv", "new/e-00002.csv"]}


def test_a_file_of_two_months_is_split():
    """Its rows go to the month they state: each delivery takes the file, filtered to its own month."""
    store = Listing().put("both.csv", "2026-09,1\n2026-10,2")
    found = find("focus", store)
    assert [(one.period, [file.key for file in one.files]) for one in found] == [
        ("2026-09", ["both.csv"]),
        ("2026-10", ["both.csv"]),
    ]
    assert all(part.period_filter for one in found for part in one.parts)


def test_a_newer_file_takes_over_only_the_month_it_holds():
    """September stays with the file of two months, October moves to the newer one."""
    store = Listing().put("both.csv", "2026-09,1\n2026-10,2").put("newer.csv", "2026-10,3")
    assert taken("focus", store) == {"2026-09": ["both.csv"], "2026-10": ["newer.csv"]}


def test_a_header_only_file_counts_for_the_month_that_its_path_states():
    """A month emptied by its provider is a delivery of no rows, for the gate to judge."""
    store = Listing().put("x/20260901-20260930/e.csv", "")
    assert taken("focus", store) == {"2026-09": ["x/20260901-20260930/e.csv"]}


def test_files_that_hold_no_charges_are_ignored():
    """SQL, YAML, hidden files and the status table lie beside every Athena export."""
    store = Listing().put("r/year=2026/month=9/r-00001.snappy.parquet", "2026-09,1")
    for stray in ("r/create.sql", "r/crawler-cfn.yml", "r/_SUCCESS", "r/.hidden.csv", "r/x.csv.tmp"):
        store.put(stray, "2026-09,9")
    store.put("r/cost_and_usage_data_status/s.parquet", "2026-09,9")
    assert taken("cur", store) == {"2026-09": ["r/year=2026/month=9/r-00001.snappy.parquet"]}


def test_an_amortised_file_is_told_from_an_actual_one_by_its_path():
    """Legacy Azure exports have no manifest; the folder's name says which of the two it is."""
    store = Listing().put("ActualCost/e.csv", "2026-09,1").put("AmortisedCost/e.csv", "2026-09,1")
    (found,) = find("cost_details", store)
    assert {part.dataset: part.files[0].key for part in found.parts} == {
        "actual": "ActualCost/e.csv",
        "amortized": "AmortisedCost/e.csv",
    }


# --- Google Cloud ---


def test_an_invoice_month_is_made_of_every_slice_that_holds_rows_of_it():
    """Usage of 30 September is billed in October too: both slices give October rows, each row counted once."""
    store = Listing()
    store.put("gcp/invoice_month=202609/a.csv", "2026-09,1\n2026-10,2")
    store.put("gcp/invoice_month=202610/b.csv", "2026-10,3\n2026-11,4")
    assert taken("billing_export", store) == {
        "2026-09": ["gcp/invoice_month=202609/a.csv"],
        "2026-10": ["gcp/invoice_month=202609/a.csv", "gcp/invoice_month=202610/b.csv"],
        "2026-11": ["gcp/invoice_month=202610/b.csv"],
    }
    assert all(part.period_filter for one in find("billing_export", store) for part in one.parts)


def test_a_newer_extract_of_a_slice_replaces_the_older_one_in_every_month():
    """September's slice is extracted again: neither of its months keeps a row of the first extract."""
    store = Listing()
    store.put("gcp/invoice_month=202609/run1.csv", "2026-09,1\n2026-10,2")
    store.put("gcp/invoice_month=202610/run1.csv", "2026-10,3")
    store.put("gcp/invoice_month=202609/run2.csv", "2026-09,9")
    assert taken("billing_export", store) == {
        "2026-09": ["gcp/invoice_month=202609/run2.csv"],
        "2026-10": ["gcp/invoice_month=202610/run1.csv"],
    }


def test_dated_extracts_of_one_folder_are_versions_and_never_added():
    """Two whole extracts of the table, a day apart, in one folder: only the later one counts."""
    store = Listing().put("gcp/export-20261001.csv", "2026-09,1").put("gcp/export-20261002.csv", "2026-09,2")
    assert taken("billing_export", store) == {"2026-09": ["gcp/export-20261002.csv"]}


def test_an_extract_with_a_manifest_is_made_of_the_shards_it_lists():
    """Run folders sort by time; shards of an older run, or unlisted ones, do not count."""
    store = Listing()
    for run in ("20261001T060000Z", "20261002T060000Z"):
        folder = PurePosixPath("gcp/invoice_month=2026-09") / run
        store.put(f"{folder}/shard-000000000000.parquet").put(f"{folder}/shard-000000000001.parquet")
        store.put(f"{folder}/manifest.json", json.dumps({"table": "t", "files": ["shard-000000000000.parquet"]}))
    assert taken("billing_export", store) == {
        "2026-09": ["gcp/invoice_month=2026-09/20261002T060000Z/shard-000000000000.parquet"]
    }
