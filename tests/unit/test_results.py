"""Tables that our own Python computes: what is only ever added to outlives an upgrade."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.landing.results import TABLES, ensure_result_files, land_result, landed_result
from pipelines.settings import Workspace
from pipelines.workspace_template import write_workspace


@pytest.fixture
def workspace(tmp_path):
    write_workspace(tmp_path)
    return Workspace.open(tmp_path)


def test_rows_of_an_older_version_are_kept_and_columns_that_it_lacks_are_null(workspace):
    land_result(workspace, "budget_adjustments", [{"adjustment_id": "a", "kind": "reallocation", "reason": "r"}])
    path = workspace.landing / "results" / "budget_adjustments.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["seasonal_index", "constrained_by"]), path)

    ensure_result_files(workspace)

    assert pq.read_schema(path) == TABLES["budget_adjustments"]
    [row] = landed_result(workspace, "budget_adjustments")
    assert (row["adjustment_id"], row["reason"], row["seasonal_index"]) == ("a", "r", None)


def test_a_table_of_other_columns_starts_anew(workspace):
    path = workspace.landing / "results" / "budget_outlooks.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"budget_id": [1]}), path)

    ensure_result_files(workspace)

    assert pq.read_schema(path) == TABLES["budget_outlooks"] and landed_result(workspace, "budget_outlooks") == []
