"""Land the Azure bills: every source's new and changed months, nothing else.

Safe to rerun at any time: unchanged exports are not read again, and a month is replaced as a whole.
A source or month that fails turns its `land` task and the run red and keeps its previous delivery; whatever else came
in is announced to `build_marts` all the same. The task's last log line says which file, why, and what to do.
After mending, clear the failed task. (`finops land SOURCE` lands too, but then trigger `build_marts` by hand.)
"""

from datetime import datetime, timedelta

from airflow.sdk import Asset, dag, task


@dag(
    schedule="0 */6 * * *",  # exports are refreshed up to three times a day
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "finops", "retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["finops", "landing"],
    doc_md=__doc__,
)
def land_azure():
    @task
    def sources() -> list[str]:
        from pipelines.settings import Workspace

        return [source.name for source in Workspace.open().sources if source.provider == "azure"]

    @task(map_index_template="{{ task.op_kwargs['source'] }}")
    def land(source: str) -> None:
        from pipelines.landing import land
        from pipelines.settings import Workspace

        report = land(Workspace.open(), [source], progress=print)
        if report.failed:
            raise report.failed[0].error

    @task(outlets=[Asset("landing_azure")], trigger_rule="all_done")
    def announce(dag_run) -> list[str]:
        from airflow.sdk.exceptions import AirflowSkipException

        from pipelines.landing.deliveries import landed_deliveries
        from pipelines.settings import Workspace

        # Asked of the landing, not of the tasks: a month that landed in a try that failed later counts, too.
        since = dag_run.start_date.replace(microsecond=0)
        deliveries = [d for d in landed_deliveries(Workspace.open()) if d.provider == "azure"]
        new = [f"{d.source} {d.billing_period}" for d in deliveries if datetime.fromisoformat(d.landed_at) >= since]
        if not new:
            raise AirflowSkipException("no month changed: the marts need no new build")
        return new

    @task(trigger_rule="one_failed")
    def fail_the_run() -> None:
        from airflow.sdk.exceptions import AirflowFailException

        raise AirflowFailException("a source failed to land: its red `land` task says which file and what to do")

    landed = land.expand(source=sources())
    landed >> [announce(), fail_the_run()]


land_azure()
