"""dbt as a command on a workspace's warehouse."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipelines.errors import BuildError
from pipelines.inputs import DBT_PROJECT, models_version
from pipelines.settings import Workspace

_PARSED = "partial_parse.msgpack"  # dbt's own file of what it has parsed; it parses anew what that does not fit


def run_dbt(
    workspace: Workspace,
    arguments: list[str],
    progress: Callable[[str], None] = lambda _: None,
    version: str | None = None,
    *,
    check_changes_only: bool = False,
) -> tuple[int, int]:
    """Run one dbt command on the workspace's warehouse; return how many models and tests ran.

    `check_changes_only` leaves out rows of the large tables that an earlier build has checked.

    Raises BuildError with the nodes that failed and their messages.
    """
    target = workspace.root / ".dbt" / "target"
    target.mkdir(parents=True, exist_ok=True)
    (workspace.scratch / "spill").mkdir(parents=True, exist_ok=True)
    settings = workspace.settings
    variables = {
        "reporting_currency": settings.workspace.reporting_currency,
        "hour_of_work": str(settings.optimization.hour_of_work or ""),
        "show_owner_emails": settings.publish.show_owner_emails,
        "models_version": version or models_version(workspace),
    }
    command = [
        sys.executable, "-P", "-m", "pipelines.dbt_events",
        "--log-level", "none", "--log-level-file", "none", "--no-use-colors",
        arguments[0],
        "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--target-path", str(target),
        "--vars", json.dumps(variables),
        *arguments[1:],
    ]  # fmt: skip
    # Warehouse and spill folder are relative, as in profiles.yml: other names for them would make dbt parse anew.
    environment = os.environ | {
        "FINOPS_LANDING": str(workspace.landing),
        "FINOPS_CHECK_CHANGES_ONLY": "yes" if check_changes_only else "",
        "FINOPS_MEMORY_LIMIT": settings.build.memory_limit,
        "FINOPS_THREADS": str(settings.build.threads),
        "DO_NOT_TRACK": "1",
    }
    failed: list[str] = []
    other: list[str] = []
    counts = {"model": 0, "seed": 0, "test": 0}
    with (
        _parsed_before(target),
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=workspace.root
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            event = _event(line)
            if event is None:
                other.append(line.rstrip())
                continue
            node = event.get("data", {}).get("node_info", {})
            if event["info"]["name"] in ("LogModelResult", "LogTestResult", "LogSeedResult"):
                kind = node.get("resource_type", "model")
                counts[kind] = counts.get(kind, 0) + 1
                data = event["data"]
                if kind == "model" and data.get("execution_time", 0) >= 1:
                    progress(f"built {node['node_name']} in {data['execution_time']:.0f} s")
            elif event["info"]["level"] == "error":
                failed.append(event["info"]["msg"].strip())
    if process.returncode:
        details = "\n".join(message for message in failed if message) or "\n".join(other[-20:])
        raise BuildError(
            "dbt",
            f"the warehouse could not be built\n{details}\n",
            "Published marts are untouched",
            "Mend what the message names, then run `finops build`",
        )
    return counts["model"], counts["test"] + counts.get("unit_test", 0)


@contextlib.contextmanager
def _parsed_before(target: Path) -> Iterator[None]:
    """A new workspace begins with what dbt parsed for the last new one, which saves it seconds."""
    mine, last = target / _PARSED, DBT_PROJECT / "target" / _PARSED
    is_new = not mine.exists()
    if is_new and last.exists():
        shutil.copy(last, mine)
    yield
    if is_new and mine.exists():
        temporary = last.with_name(f".{_PARSED}.{os.getpid()}")
        with contextlib.suppress(OSError):  # the project may be installed where nobody may write
            last.parent.mkdir(exist_ok=True)
            shutil.copy(mine, temporary)
            temporary.replace(last)


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "info" in event else None
