"""Close last month on the 5th: check, soft close, approval by a person, close, statements and journal.

`soft_close` fails while the month is incomplete and names what is missing; land it and clear the task. `approve` waits
48 hours under Required Actions and rejects when nobody answers; a rejected month stays soft closed, nothing is written.
A row of decisions/close_approvals.csv answers instead, without anybody at the screen. Rerun it at will: what is closed
stays closed. `send_letters` mails each statement to its owner once if finops.toml says `[mail] send = true`; otherwise
it only logs who would get what. Parameters: `period` (YYYY-MM) for another month, `despite`, the reason for closing an
incomplete month.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, dag, get_current_context, task


@dag(
    schedule="0 6 5 * *",  # providers have issued last month's invoices by then
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    params={
        "period": Param(None, type=["null", "string"], pattern=r"^\d{4}-(0[1-9]|1[0-2])$"),
        "despite": Param("", type="string"),
    },
    default_args={"owner": "finops", "retries": 1, "retry_delay": timedelta(minutes=5)},
    tags=["finops", "showback"],
    doc_md=__doc__,
)
def monthly_showback():
    @task
    def soft_close() -> dict[str, str]:
        from pipelines.close import decision_of, soft_close
        from pipelines.settings import Workspace

        context = get_current_context()
        started = context.get("logical_date") or context["dag_run"].run_after
        last_month = (started.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
        workspace = Workspace.open()
        month = soft_close(workspace, context["params"]["period"] or last_month, despite=context["params"]["despite"])
        return {
            "period": month.period,
            "statement_hash": month.statement_hash,
            "totals": ", ".join(f"{total:,.2f} {currency}" for currency, total in month.totals.items()),
            "decision": "approve" if month.status == "closed" else decision_of(workspace, month),
        }

    @task.branch
    def who_decides(month: dict[str, str]) -> list[str]:
        return {"approve": ["close_books"], "reject": []}.get(month["decision"], ["approve"])

    approve = ApprovalOperator(
        task_id="approve",
        subject="Close the books of {{ ti.xcom_pull(task_ids='soft_close')['period'] }}",
        body="Statements: {{ ti.xcom_pull(task_ids='soft_close')['totals'] }}, "
        "hash {{ ti.xcom_pull(task_ids='soft_close')['statement_hash'][:12] }}. After this they never change.",
        defaults="Reject",
        response_timeout=timedelta(hours=48),
    )

    @task(trigger_rule="none_failed_min_one_success", pool="warehouse_writer")
    def close_books(month: dict[str, str]) -> str:
        from pipelines.close import close
        from pipelines.settings import Workspace

        context = get_current_context()
        answer = context["ti"].xcom_pull(task_ids="approve")
        user = answer["responded_by_user"] if answer else None
        summary = close(
            Workspace.open(),
            month["period"],
            approved_by=user["name"] if user else "",
            approved_hash=month["statement_hash"],
            despite=context["params"]["despite"],
            progress=print,
        )
        if summary.status != "closed":
            raise RuntimeError(f"{month['period']} stays soft closed: no approver is named for its numbers of now")
        return summary.period

    @task
    def write_statements(period: str) -> str:
        from pipelines.run import showback
        from pipelines.settings import Workspace

        showback(Workspace.open(), period, print)
        return period

    @task
    def send_letters(period: str) -> list[str]:
        from pipelines.outputs.letters import write_letters
        from pipelines.settings import Workspace

        workspace = Workspace.open()
        found = write_letters(workspace, period, send=workspace.settings.mail.send, progress=print)
        refused = [letter.cost_center_id for letter in found if letter.state == "refused"]
        if refused:
            raise RuntimeError(
                f"letters refused: {', '.join(refused)}; clear this task when their addresses are mended"
            )
        return [letter.state for letter in found]

    month = soft_close()
    decided = who_decides(month)
    closed = close_books(month)
    decided >> [approve, closed]
    approve >> closed
    send_letters(write_statements(closed))


monthly_showback()
