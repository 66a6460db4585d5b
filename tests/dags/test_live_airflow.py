"""A person at the screen of a whole Airflow approves a month, rejects it, or does not answer."""

import shutil

from pipelines.landing.books import book_events, closed_periods
from pipelines.settings import Workspace
from tests.dags.conftest import DAGS
from tests.dags.live_airflow import live_airflow

NOT_CLOSED = {"soft_close": "success", "who_decides": "success", "approve": "success", "close_books": "skipped",
              "write_statements": "skipped", "send_letters": "skipped"}  # fmt: skip


def test_a_person_approves_rejects_or_does_not_answer_in_a_live_airflow(company, tmp_path):
    """All of Airflow runs; the answers come by its REST API. The second DAG waits 10 seconds instead of 48 hours."""
    shutil.copytree(company, tmp_path / "w", symlinks=True)
    opened, conf = Workspace.open(tmp_path / "w"), {"period": "2026-09", "despite": "a sample"}
    dags, home = tmp_path / "dags", tmp_path / "home"
    dags.mkdir()
    home.mkdir()
    source = (DAGS / "monthly_showback.py").read_text().replace('schedule="0 6 5 * *"', "schedule=None")
    source = source.replace('"retries": 1', '"retries": 4')  # a busy machine loses a task's heartbeat now and then
    source = source.replace("timedelta(minutes=5)", "timedelta(seconds=1)")
    (dags / "monthly_showback.py").write_text(source)
    impatient = source.replace("timedelta(hours=48)", "timedelta(seconds=10)")
    (dags / "impatient_showback.py").write_text(impatient.replace("def monthly_showback", "def impatient_showback")
                                                .replace("\nmonthly_showback()", "\nimpatient_showback()"))  # fmt: skip

    with live_airflow(home, dags, FINOPS_WORKSPACE=str(opened.root)) as airflow:
        unanswered, rejected = airflow.trigger("impatient_showback", conf), airflow.trigger("monthly_showback", conf)
        airflow.succeeds(rejected, "approve", "Reject")
        airflow.succeeds(unanswered)
        assert airflow.states(rejected) == airflow.states(unanswered) == NOT_CLOSED
        assert closed_periods(book_events(opened)) == []

        approved = airflow.trigger("monthly_showback", conf)
        airflow.succeeds(approved, "approve", "Approve")
        assert set(airflow.states(approved).values()) == {"success"}

    closed = book_events(opened)[-1]
    assert (closed.event, closed.billing_period, closed.decided_by) == ("close", "2026-09", "admin")
    assert (opened.reports / "2026-09" / "journal-2026-09.csv").is_file()
