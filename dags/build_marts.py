"""Build, forecast, look for anomalies, audit and publish the marts whenever a bill or signal has changed.

Readers see the old run or the new one, never a mixture: a failing test or audit leaves the previous run published.
A forecast or recommendation that cannot be computed, or a month without an exchange rate, fails `fail_if_any` after the
bills were published without it.
The log names the model or the fact that failed. After mending the decision file or the export, clear the failed task,
or run `finops build` and `finops publish` in the workspace. Needs the pool `warehouse_writer` with one slot.
"""

from datetime import datetime, timedelta

from airflow.sdk import Asset, dag, task


@dag(
    schedule=(Asset("landing_aws") | Asset("landing_azure") | Asset("landing_gcp") | Asset("landing_usage")),
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,  # DuckDB has one writer
    default_args={"owner": "finops", "retries": 1, "retry_delay": timedelta(minutes=5), "pool": "warehouse_writer"},
    tags=["finops", "marts"],
    doc_md=__doc__,
)
def build_marts():
    @task
    def build() -> int:
        from pipelines.build import build
        from pipelines.settings import Workspace

        return build(Workspace.open(), progress=print).models

    @task
    def compute_results() -> list[str]:
        from pipelines.build import compute_results
        from pipelines.settings import Workspace

        return [str(problem) for problem in compute_results(Workspace.open(), print).failed]

    @task(outlets=[Asset("published_marts")])
    def publish() -> str:
        from pipelines.outputs.publish import publish
        from pipelines.settings import Workspace

        return publish(Workspace.open(), print).run_id

    @task
    def fail_if_any(problems: list[str]) -> None:
        """Last, so that bills are published although a forecast could not be made or a rate is missing."""
        from airflow.sdk.exceptions import AirflowFailException

        from pipelines.rates import unrated_costs
        from pipelines.settings import Workspace

        unrated = unrated_costs(Workspace.open())
        problems = [*problems, *([str(unrated)] if unrated else [])]
        if problems:
            raise AirflowFailException("\n".join(problems))

    problems = compute_results()
    build() >> problems >> publish() >> fail_if_any(problems)


build_marts()
