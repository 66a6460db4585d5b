"""Land the Google Cloud bills: every source's new and changed months, nothing else.

Safe to rerun at any time: unchanged exports are not read again, and a month is replaced as a whole.
A source that fails keeps its previous delivery; the task's last log line says which file, why, and what to do.
After mending, clear the failed task, or run `finops land SOURCE` in the workspace.
"""

from datetime import datetime, timedelta

from airflow.sdk import Asset, dag, task

landing = Asset("landing_gcp")


@dag(
    schedule="0 */6 * * *",  # exports are refreshed up to three times a day
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "finops", "retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["finops", "landing"],
    doc_md=__doc__,
)
def land_gcp():
    @task
    def sources() -> list[str]:
        from pipelines.settings import Workspace

        return [source.name for source in Workspace.open().sources if source.provider == "gcp"]

    @task
    def land(source: str) -> int:
        from pipelines.landing import land
        from pipelines.settings import Workspace

        report = land(Workspace.open(), [source], progress=print)
        if report.failed and not report.changed:
            raise report.failed[0].error
        return len(report.changed)

    @task(outlets=[landing], trigger_rule="all_done")
    def announce(changed: list[int]) -> int:
        from airflow.sdk.exceptions import AirflowSkipException

        months = sum(count for count in changed if count)
        if months == 0:
            raise AirflowSkipException("no month changed: the marts need no new build")
        return months

    announce(land.expand(source=sources()))


land_gcp()
