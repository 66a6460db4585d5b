"""One contract for all DAGs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for path in (ROOT / "dags").glob("*.py") if path.name != "__init__.py")
HEAVY = {"duckdb", "pandas", "polars", "pyarrow", "great_expectations", "boto3", "dbt"}
TIMETABLE = {
    "land_aws": "0 */6 * * *",
    "land_azure": "0 */6 * * *",
    "land_gcp": "0 */6 * * *",
    "land_usage": "0 */6 * * *",
    "build_marts": "Asset",
    "monthly_showback": "0 6 5 * *",
}


def test_the_timetable_is_complete(airflow):
    """Every DAG of the README's timetable exists, and no other."""
    assert airflow.import_errors == {}
    assert set(airflow.dags) == set(TIMETABLE)


@pytest.mark.parametrize("name", TIMETABLE)
def test_every_dag_keeps_the_contract(airflow, name):
    """On-call page, retries, no catch-up, one run at a time, an owner, tags, and the promised schedule."""
    dag = airflow.dags[name]
    assert dag.doc_md and len(dag.doc_md) > 200
    assert dag.catchup is False and dag.max_active_runs == 1
    assert "finops" in dag.tags
    assert all(task.retries >= 1 and task.owner == "finops" for task in dag.tasks)
    assert TIMETABLE[name] in (dag.schedule if isinstance(dag.schedule, str) else type(dag.schedule).__name__)
    if name == "build_marts":
        assert {task.pool for task in dag.tasks} == {"warehouse_writer"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_imports_only_airflow_and_the_standard_library(path):
    """Imports of ours happen inside tasks, so the scheduler parses in a moment."""
    imported = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported <= {"airflow"} | set(sys.stdlib_module_names)


def test_parsing_loads_no_heavy_library(airflow):
    """All files in one fresh process: none of the heavy libraries comes with them."""
    code = (
        "import runpy, sys\n"
        + "import airflow.sdk\nbefore = set(sys.modules)\n"
        + "".join(f"runpy.run_path({str(path)!r})\n" for path in FILES)
        + f"print(sorted({HEAVY!r} & (set(sys.modules) - before)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_the_deployed_form_is_sound_yaml_with_every_process():
    """docker-compose.yml names the processes of DESIGN 9, and nothing listens beyond loopback."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = compose["services"]
    assert {"postgres", "airflow-init", "api-server", "scheduler", "dag-processor", "triggerer"} <= set(services)
    for service in services.values():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
