"""A whole Airflow of its own (API server, scheduler, dag processor, triggerer on SQLite), driven by its REST API."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.emulators import free_port

_PERSON = 5  # seconds before an answer: a task answered before the scheduler knows that it waits is taken for failed
_PATIENCE = 600  # seconds for any one step on a busy machine; a quiet one needs a few


class LiveAirflow:
    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v2", headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def trigger(self, dag: str, conf: dict[str, str]) -> str:
        """Switch a DAG on and start it; returns the run's path."""
        wait_for(lambda: self._http.get(f"/dags/{dag}").status_code == 200)
        self._http.patch(f"/dags/{dag}", json={"is_paused": False}).raise_for_status()
        started = self._http.post(f"/dags/{dag}/dagRuns", json={"logical_date": None, "conf": conf})
        return f"/dags/{dag}/dagRuns/{started.raise_for_status().json()['dag_run_id']}"

    def succeeds(self, run: str, task: str = "", choice: str = "") -> None:
        """Wait until a run has ended well; until then `choice` answers `task` whenever it asks a person.

        A task whose process dies after an answer is tried again, and asks again.
        """
        details = f"{run}/taskInstances/{task}/-1/hitlDetails"
        asked: list[float] = []

        def has_ended() -> bool:
            if not choice or self.states(run).get(task) != "awaiting_input":
                asked.clear()
            elif not asked:
                asked.append(time.monotonic())
            elif time.monotonic() > asked[0] + _PERSON:
                answered = self._http.patch(details, json={"chosen_options": [choice], "params_input": {}})
                if answered.status_code != 409:  # answered a moment ago, and not yet taken up
                    answered.raise_for_status()
            return self._get(run)["state"] in ("success", "failed")

        wait_for(has_ended, lambda: self.states(run))
        state = str(self._get(run)["state"])
        assert state == "success", f"{run} {state}: {self.states(run)}\n{self._said(run)}"

    def states(self, run: str) -> dict[str, str]:
        return {found["task_id"]: found["state"] for found in self._get(f"{run}/taskInstances")["task_instances"]}

    def _said(self, run: str) -> str:
        """The last lines of what its failed tasks logged."""
        failed = [task for task, state in self.states(run).items() if state == "failed"]
        logs = (self._http.get(f"{run}/taskInstances/{task}/logs/{tries}").text for task in failed for tries in (1, 2))
        return "\n".join(log[-3000:] for log in logs)

    def _get(self, path: str) -> dict[str, Any]:
        return dict(self._http.get(path).raise_for_status().json())


@contextlib.contextmanager
def live_airflow(home: Path, dags: Path, **environment: str) -> Iterator[LiveAirflow]:
    """Airflow on ports of its own until the block ends; then its whole process group is stopped."""
    port, log_ports = free_port(), (free_port(), free_port())
    url = f"http://127.0.0.1:{port}"
    given = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(log_ports[0]),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(log_ports[1]),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    # Without what other tests' Airflow left in the environment of this process.
    settings = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name} | given | environment
    command = str(Path(sys.executable).with_name("airflow"))
    subprocess.run([command, "db", "migrate"], check=True, capture_output=True, env=settings)
    subprocess.run(
        [command, "pools", "set", "warehouse_writer", "1", "one writer"], check=True, capture_output=True, env=settings
    )
    with (home / "standalone.log").open("wb") as log:
        process = subprocess.Popen(
            [command, "standalone"], stdout=log, stderr=subprocess.STDOUT, env=settings, start_new_session=True
        )
    try:
        wait_for(lambda: _is_up(url), lambda: (home / "standalone.log").read_text("utf-8", errors="replace")[-3000:])
        passwords = json.loads((home / "simple_auth_manager_passwords.json.generated").read_text("utf-8"))
        login = {"username": "admin", "password": passwords["admin"]}
        token = httpx.post(f"{url}/auth/token", json=login, timeout=60).raise_for_status().json()["access_token"]
        yield LiveAirflow(url, token)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(is_there: Any, what_is: Any = lambda: "") -> None:
    deadline = time.monotonic() + _PATIENCE
    while not is_there():
        assert time.monotonic() < deadline, f"waited {_PATIENCE} seconds in vain: {what_is()}"
        time.sleep(0.5)


def _is_up(url: str) -> bool:
    try:
        health = httpx.get(f"{url}/api/v2/monitor/health", timeout=10).json()
    except (httpx.HTTPError, ValueError):
        return False
    return all(part["status"] == "healthy" for part in (health["metadatabase"], health["scheduler"]))
