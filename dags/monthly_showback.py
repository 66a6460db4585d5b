"""Write last month's statements on the 5th: per cost centre XLSX, PDF and CSV, and one workbook of all.

Reads the published marts only, and replaces the month's folder under reports/ as a whole, so it is safe to rerun.
Trigger it with the parameter `period` (YYYY-MM) for another month. Statements of an open month are marked provisional.
"""

from datetime import datetime, timedelta

from airflow.sdk import dag, get_current_context, task


@dag(
    schedule="0 6 5 * *",  # providers have issued last month's invoices by then
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    params={"period": ""},
    default_args={"owner": "finops", "retries": 1, "retry_delay": timedelta(minutes=5)},
    tags=["finops", "showback"],
    doc_md=__doc__,
)
def monthly_showback():
    @task
    def write_statements() -> str:
        from pipelines.run import showback
        from pipelines.settings import Workspace

        context = get_current_context()
        started = context["dag_run"].run_after
        last_month = (started.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
        summary = showback(Workspace.open(), context["params"]["period"] or last_month, print)
        return str(summary.folder)

    write_statements()


monthly_showback()
