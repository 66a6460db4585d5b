"""The DAGs really run, on a sample workspace, and give the same marts as the command."""

import shutil
from datetime import timedelta

import pytest

from pipelines.close import soft_close
from pipelines.landing.books import book_events, closed_periods
from pipelines.landing.decision_files import FILES
from pipelines.run import run
from pipelines.sample import write_sample
from pipelines.settings import Workspace
from tests.dags.conftest import DAGS
from tests.dags.live_airflow import live_airflow
from tests.integration.test_run import marts


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory):
    root = tmp_path_factory.mktemp("dags")
    write_sample(root / "by_dags", rows=6_000, months=1)
    shutil.copytree(root / "by_dags", root / "by_command")
    return root / "by_dags", root / "by_command"


@pytest.fixture(scope="module")
def by_command(workspaces):
    """The second workspace after `finops run`."""
    run(Workspace.open(workspaces[1]))
    return workspaces[1]


def test_dags_give_the_same_marts_as_the_command(airflow, workspaces, by_command, monkeypatch):
    """Land three clouds, build, publish, showback by Airflow: mart for mart what `finops run` gives."""
    by_dags, _ = workspaces
    monkeypatch.setenv("FINOPS_WORKSPACE", str(by_dags))
    for name in ("land_aws", "land_azure", "land_gcp", "land_usage", "build_marts"):
        assert airflow.dags[name].test().state == "success", name

    assert marts(by_dags) == marts(by_command)


def test_a_rejected_month_stays_soft_closed_and_an_approved_one_is_closed_and_written(airflow, workspaces, monkeypatch):
    """The headless way: decisions/close_approvals.csv answers instead of a person at the screen."""
    by_dags, by_command = workspaces
    monkeypatch.setenv("FINOPS_WORKSPACE", str(by_dags))
    opened, dag = Workspace.open(by_dags), airflow.dags["monthly_showback"]
    conf = {"period": "2026-10", "despite": "a sample of one month"}
    digest = soft_close(opened, "2026-10", despite=conf["despite"]).statement_hash

    _decide(opened, "reject", digest)
    rejected = dag.test(run_conf=conf)
    assert _states(rejected) == {
        "soft_close": "success", "who_decides": "success", "approve": "skipped", "close_books": "skipped",
        "write_statements": "skipped", "send_letters": "skipped",
    }  # fmt: skip
    assert closed_periods(book_events(opened)) == []
    assert not (by_dags / "reports" / "2026-10").exists()

    _decide(opened, "approve", digest)
    approved = dag.test(run_conf=conf)
    assert approved.state == "success"
    assert _states(approved)["approve"] == "skipped"
    assert closed_periods(book_events(opened)) == ["2026-10"]
    written = {path.name for path in (by_dags / "reports" / "2026-10").iterdir()}
    assert written == {path.name for path in (by_command / "reports" / "2026-10").iterdir()}


def test_nobody_answering_rejects(airflow):
    """The person's task rejects after 48 hours, and what follows it waits for an approval."""
    approve = airflow.dags["monthly_showback"].get_task("approve")
    assert (approve.defaults, approve.response_timeout) == (["Reject"], timedelta(hours=48))
    assert approve.downstream_task_ids == {"close_books"}


NOT_CLOSED = {"soft_close": "success", "who_decides": "success", "approve": "success", "close_books": "skipped",
              "write_statements": "skipped", "send_letters": "skipped"}  # fmt: skip


def test_a_person_approves_rejects_or_does_not_answer_in_a_live_airflow(by_command, tmp_path):
    """All of Airflow runs; the answers come by its REST API. The second DAG waits 2 seconds instead of 48 hours."""
    opened, conf = Workspace.open(by_command), {"period": "2026-10", "despite": "a sample of one month"}
    dags, home = tmp_path / "dags", tmp_path / "home"
    dags.mkdir()
    home.mkdir()
    source = (DAGS / "monthly_showback.py").read_text().replace('schedule="0 6 5 * *"', "schedule=None")
    source = source.replace("timedelta(minutes=5)", "timedelta(seconds=1)")
    (dags / "monthly_showback.py").write_text(source)
    impatient = source.replace("timedelta(hours=48)", "timedelta(seconds=2)")
    (dags / "impatient_showback.py").write_text(impatient.replace("def monthly_showback", "def impatient_showback")
                                                .replace("\nmonthly_showback()", "\nimpatient_showback()"))  # fmt: skip

    with live_airflow(home, dags, FINOPS_WORKSPACE=str(by_command)) as airflow:
        unanswered, rejected = airflow.trigger("impatient_showback", conf), airflow.trigger("monthly_showback", conf)
        assert airflow.ended(rejected, "approve", "Reject") == airflow.ended(unanswered) == "success"
        assert airflow.states(rejected) == airflow.states(unanswered) == NOT_CLOSED
        assert closed_periods(book_events(opened)) == []

        approved = airflow.trigger("monthly_showback", conf)
        assert airflow.ended(approved, "approve", "Approve") == "success"
        assert set(airflow.states(approved).values()) == {"success"}

    closed = book_events(opened)[-1]
    assert (closed.event, closed.billing_period, closed.decided_by) == ("close", "2026-10", "admin")
    assert (by_command / "reports" / "2026-10" / "journal-2026-10.csv").is_file()


def _decide(opened: Workspace, decision: str, digest: str) -> None:
    (opened.decisions / "close_approvals.csv").write_text(
        f"{','.join(FILES['close_approvals'])}\n2026-10,{decision},{digest[:12]},Dana,2026-11-05,\n"
    )


def _states(dag_run) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances()}
