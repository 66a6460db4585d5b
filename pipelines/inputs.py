"""What a build reads, as versions: equal versions give the same warehouse, so nothing needs to be built again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.landing.deliveries import described
from pipelines.settings import Workspace

DBT_PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"


@cache
def project_version() -> str:
    """Hash of the dbt project, its checks and descriptions included."""
    digest = hashlib.sha256()
    for path in sorted(DBT_PROJECT.rglob("*")):
        if path.is_file() and not {"target", "logs"} & set(path.relative_to(DBT_PROJECT).parts):
            digest.update(path.relative_to(DBT_PROJECT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def code_version() -> str:
    """Hash of our own Python: what it lands, computes and publishes follows from it."""
    digest = hashlib.sha256()
    for package in ("pipelines", "forecasting", "data_quality"):
        for path in sorted((DBT_PROJECT.parent / package).rglob("*.py")):
            digest.update(path.as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def models_version(workspace: Workspace) -> str:
    """Hash of everything in the dbt project that decides what the ledger holds."""
    digest = hashlib.sha256()
    for path in sorted(DBT_PROJECT.rglob("*")):
        if path.suffix in (".sql", ".csv") and not {"target", "tests"} & set(path.relative_to(DBT_PROJECT).parts):
            digest.update(path.relative_to(DBT_PROJECT).as_posix().encode() + path.read_bytes())
    digest.update(workspace.settings.workspace.reporting_currency.encode())
    return digest.hexdigest()


def inputs_version(workspace: Workspace) -> str:
    """Hash of all that the marts are made from: landing (registered before), decisions, settings, code and models."""
    digest = hashlib.sha256(project_version().encode() + code_version().encode())
    for path in [workspace.root / "finops.toml", *sorted(workspace.decisions.rglob("*"))]:
        if path.is_file():
            digest.update(path.relative_to(workspace.root).as_posix().encode() + path.read_bytes())
    for path in _landed(workspace):
        delivery = described(path.parent)
        content = delivery.to_json().encode() if delivery else path.read_bytes()
        digest.update(path.relative_to(workspace.landing).as_posix().encode() + hashlib.sha256(content).digest())
    return digest.hexdigest()


def structure_version(workspace: Workspace) -> str:
    """Hash of what views, seeds and checks are made of: the dbt project, the place of landing, the columns in it."""
    digest = hashlib.sha256(project_version().encode() + str(workspace.landing).encode())
    shapes = set()
    for path in _landed(workspace):
        delivery = described(path.parent)
        folder = path.relative_to(workspace.landing).parts[0]
        shapes.add(f"{folder}|{delivery.schema_hash}" if delivery else f"{folder}|{path.name}|{pq.read_schema(path)}")
    digest.update(json.dumps(sorted(shapes)).encode())
    return digest.hexdigest()


def _landed(workspace: Workspace) -> Iterator[Path]:
    return (path for path in sorted(workspace.landing.rglob("*.parquet")) if not path.name.startswith("."))
