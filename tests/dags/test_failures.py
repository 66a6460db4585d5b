"""What the on-call relies on when a source fails: the others go on, the run is red, and nothing is announced twice."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.sample import write_sample

LANDING = ["land_aws", "land_azure", "land_gcp"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    root = tmp_path_factory.mktemp("failures") / "w"
    write_sample(root, rows=6_000, months=2)
    return root


@pytest.fixture
def company(sample, tmp_path, monkeypatch):
    root = tmp_path / "w"
    shutil.copytree(sample, root)
    monkeypatch.setenv("FINOPS_WORKSPACE", str(root))
    return root


def run_without_waiting(dag, **arguments):
    """Run a DAG whose retries do not pause; return the run's state and its tasks' states."""
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    run = dag.test(**arguments)
    return run.state, {(ti.task_id, ti.map_index): ti.state for ti in run.get_task_instances()}


def cut_short(company, source, month):
    manifest = next((company / "exports" / source).rglob(f"{month}01-*/*Manifest.json"))
    part = next(manifest.parent.rglob("*-1.csv.gz"))
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])


def test_a_failed_month_fails_the_run_but_what_landed_is_announced(airflow, company):
    """One month of one source is damaged: retries find the rest unchanged, and still it is built."""
    cut_short(company, "aws-acquired", "202610")

    state, tasks = run_without_waiting(airflow.dags["land_aws"])

    assert state == "failed"
    assert sorted(tasks[task] for task in tasks if task[0] == "land") == ["failed", "success", "success"]
    assert tasks["announce", -1] == "success"
    assert tasks["fail_the_run", -1] == "failed"


def test_nothing_new_announces_nothing(airflow, company):
    """A second look at the same exports is green and emits no asset, so the marts are not built again."""
    first, _ = run_without_waiting(airflow.dags["land_gcp"])

    later = datetime.now(UTC) + timedelta(minutes=1)
    second, tasks = run_without_waiting(airflow.dags["land_gcp"], logical_date=later)

    assert first == second == "success"
    assert tasks["announce", -1] == "skipped" and tasks["fail_the_run", -1] == "skipped"


def test_every_source_of_a_workspace_is_landed_by_exactly_one_dag(airflow, company):
    """Invoices and bills of a provider without a DAG of its own land with land_aws; none is left out or lands twice."""
    settings = company / "finops.toml"
    other = '[[sources]]\nname = "snow"\nprovider = "snowflake"\nformat = "focus"\nuri = "exports/snow"\n'
    settings.write_text(settings.read_text() + "\n" + other)

    chosen = {name: airflow.dags[name].get_task("sources").python_callable() for name in LANDING}

    assert "snow" in chosen["land_aws"]
    assert sorted(sum(chosen.values(), [])) == [
        "aws-acquired", "aws-payer", "azure-ea", "gcp-main", "invoices", "snow",
    ]  # fmt: skip
