"""Land signals: what exists in the three clouds, how busy it is, what is committed. Feeds recommendations and waste.

Safe to rerun at any time: a day is replaced as a whole, files that did not change are not read again.
A source that fails turns its `land` task and the run red and keeps its previous days; the others are announced to
`build_marts` all the same. Accounts or regions that refuse are no failure: they are rows of the table `collection`, and
rules treat what was not seen as unknown. The task's last log line says what to do; then clear the failed task.
"""

from datetime import datetime, timedelta

from airflow.sdk import Asset, dag, task


@dag(
    schedule="0 */6 * * *",  # metrics are hourly; rules look at whole days
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "finops", "retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["finops", "landing"],
    doc_md=__doc__,
)
def land_usage():
    @task
    def sources() -> list[str]:
        from pipelines.settings import Workspace

        return [source.name for source in Workspace.open().settings.signals]

    @task(map_index_template="{{ task.op_kwargs['source'] }}")
    def land(source: str) -> None:
        from pipelines.landing.usage.land import land_usage
        from pipelines.settings import Workspace

        for result in land_usage(Workspace.open(), [source], progress=print):
            if result.error:
                raise result.error

    @task(outlets=[Asset("landing_usage")], trigger_rule="all_done")
    def announce(dag_run) -> list[str]:
        from airflow.sdk.exceptions import AirflowSkipException

        from pipelines.landing.usage.tables import landed_since
        from pipelines.settings import Workspace

        new = landed_since(Workspace.open(), dag_run.start_date.replace(microsecond=0))
        if not new:
            raise AirflowSkipException("no day changed: the marts need no new build")
        return new

    @task(trigger_rule="one_failed")
    def fail_the_run() -> None:
        from airflow.sdk.exceptions import AirflowFailException

        raise AirflowFailException("a source failed to land: its red `land` task says which and what to do")

    landed = land.expand(source=sources())
    landed >> [announce(), fail_the_run()]


land_usage()
