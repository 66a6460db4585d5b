"""Emulators for the tests of remote stores, on ports the system picks, and models that are compiled once."""

import pytest

from tests import emulators
from tests.integration.allocation_models import AllocationModels
from tests.integration.optimization_models import OptimizationModels


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """The allocation models, compiled once; see AllocationModels."""
    return AllocationModels(tmp_path_factory.mktemp("models") / "w")


@pytest.fixture(scope="session")
def rules(tmp_path_factory):
    """The rules that find waste, compiled once; see OptimizationModels."""
    return OptimizationModels(tmp_path_factory.mktemp("rules") / "w")


@pytest.fixture(scope="session")
def bqemulator(tmp_path_factory):
    with emulators.bqemulator(tmp_path_factory.mktemp("bqemulator")) as server:
        yield server


@pytest.fixture(scope="session")
def azurite(tmp_path_factory):
    with emulators.azurite(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture(scope="session")
def fake_gcs_server(tmp_path_factory):
    with emulators.fake_gcs_server(tmp_path_factory.mktemp("gcs")) as server:
        yield server


@pytest.fixture
def bigquery(bqemulator, monkeypatch):
    """A client of the emulator, to fill tables with; the SDK's own chain is pointed at it."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bqemulator.url)
    monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", bqemulator.second)
    options = {"api_endpoint": bqemulator.url}
    return bigquery.Client("acme", credentials=AnonymousCredentials(), client_options=options)
