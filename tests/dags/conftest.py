"""A throw-away Airflow (SQLite) that reads this repository's dags folder."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

DAGS = Path(__file__).resolve().parents[2] / "dags"
_HOME = tempfile.mkdtemp(prefix="finops-airflow-")
# Airflow reads these when it is imported, which happens when the tests are collected.
os.environ |= {
    "AIRFLOW_HOME": _HOME,
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
}


@pytest.fixture(scope="session")
def airflow():
    """A migrated metadata database with the pool that the DAGs need, and all DAGs known to it."""
    command = Path(sys.executable).with_name("airflow")
    for arguments in (
        ["db", "migrate"],
        ["pools", "set", "warehouse_writer", "1", "one writer"],
        ["dags", "reserialize"],
    ):
        subprocess.run([command, *arguments], check=True, capture_output=True, text=True)
    from airflow.models import DagBag

    return DagBag(dag_folder=str(DAGS))
