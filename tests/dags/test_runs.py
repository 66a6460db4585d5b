"""The DAGs really run, on a sample workspace, and give the same marts as the command."""

import shutil

import pytest

from pipelines.run import run
from pipelines.sample import write_sample
from pipelines.settings import Workspace
from tests.integration.test_run import marts


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory):
    root = tmp_path_factory.mktemp("dags")
    write_sample(root / "by_dags", rows=6_000, months=1)
    shutil.copytree(root / "by_dags", root / "by_command")
    return root / "by_dags", root / "by_command"


def test_dags_give_the_same_marts_as_the_command(airflow, workspaces, monkeypatch):
    """Land three clouds, build, publish, showback by Airflow: mart for mart what `finops run` gives."""
    by_dags, by_command = workspaces
    monkeypatch.setenv("FINOPS_WORKSPACE", str(by_dags))
    for name in ("land_aws", "land_azure", "land_gcp", "build_marts"):
        assert airflow.dags[name].test().state == "success", name
    showback = airflow.dags["monthly_showback"].test(run_conf={"period": "2026-10"})
    assert showback.state == "success"

    run(Workspace.open(by_command))

    assert marts(by_dags) == marts(by_command)
    written = {path.name for path in (by_dags / "reports" / "2026-10").iterdir()}
    assert written == {path.name for path in (by_command / "reports" / "2026-10").iterdir()}
