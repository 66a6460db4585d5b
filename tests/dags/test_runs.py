"""The DAGs really run, on a sample workspace, and give the same marts as the command."""

import shutil
from datetime import timedelta

import pytest

from pipelines.close import soft_close
from pipelines.landing.books import book_events, closed_periods
from pipelines.landing.decision_files import FILES
from pipelines.settings import Workspace
from tests.integration.test_run import marts


@pytest.fixture(scope="module")
def by_dags(company, tmp_path_factory):
    """The company that `finops run` has run, as it was before: nothing has been landed."""
    root = tmp_path_factory.mktemp("dags") / "w"
    shutil.copytree(company / "exports", root / "exports")
    shutil.copytree(company / "decisions", root / "decisions")
    shutil.copy(company / "finops.toml", root)
    return root


def test_dags_give_the_same_marts_as_the_command(airflow, by_dags, company, monkeypatch):
    """Land three clouds, build, publish, showback by Airflow: mart for mart what `finops run` gives."""
    monkeypatch.setenv("FINOPS_WORKSPACE", str(by_dags))
    for name in ("land_aws", "land_azure", "land_gcp", "land_usage", "build_marts"):
        assert airflow.dags[name].test().state == "success", name

    assert marts(by_dags) == marts(company)


def test_a_rejected_month_stays_soft_closed_and_an_approved_one_is_closed_and_written(
    airflow, by_dags, company, monkeypatch
):
    """The headless way: decisions/close_approvals.csv answers instead of a person at the screen."""
    monkeypatch.setenv("FINOPS_WORKSPACE", str(by_dags))
    opened, dag = Workspace.open(by_dags), airflow.dags["monthly_showback"]
    conf = {"period": "2026-09", "despite": "a sample"}
    digest = soft_close(opened, "2026-09", despite=conf["despite"]).statement_hash

    _decide(opened, "reject", digest)
    rejected = dag.test(run_conf=conf)
    assert _states(rejected) == {
        "soft_close": "success", "who_decides": "success", "approve": "skipped", "close_books": "skipped",
        "write_statements": "skipped", "send_letters": "skipped",
    }  # fmt: skip
    assert closed_periods(book_events(opened)) == []
    assert not (by_dags / "reports" / "2026-09").exists()

    _decide(opened, "approve", digest)
    approved = dag.test(run_conf=conf)
    assert approved.state == "success"
    assert _states(approved)["approve"] == "skipped"
    assert closed_periods(book_events(opened)) == ["2026-09"]
    written = {path.name for path in (by_dags / "reports" / "2026-09").iterdir()}
    as_run = {path.name.replace("2026-10", "2026-09") for path in (company / "reports" / "2026-10").iterdir()}
    assert written == as_run


def test_nobody_answering_rejects(airflow):
    """The person's task rejects after 48 hours, and what follows it waits for an approval."""
    approve = airflow.dags["monthly_showback"].get_task("approve")
    assert (approve.defaults, approve.response_timeout) == (["Reject"], timedelta(hours=48))
    assert approve.downstream_task_ids == {"close_books"}


def _decide(opened: Workspace, decision: str, digest: str) -> None:
    (opened.decisions / "close_approvals.csv").write_text(
        f"{','.join(FILES['close_approvals'])}\n2026-09,{decision},{digest[:12]},Dana,2026-11-05,\n"
    )


def _states(dag_run) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances()}
