"""Landing from Google Cloud Storage: the same promises as for every bucket, and a version pinned by its generation."""

import json

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from pipelines.landing import land
from pipelines.landing.stores import gcs, store
from pipelines.landing.stores.gcs import GcsStore
from tests.emulators.faults import faulty_proxy
from tests.integration.bills import workspace
from tests.integration.remote_stores import Remote, RemoteStoreTests


@pytest.fixture
def bucket(fake_gcs_server, request):
    options = {"api_endpoint": fake_gcs_server.url}
    client = storage.Client("acme", credentials=AnonymousCredentials(), client_options=options)
    return client.create_bucket(f"bills-{abs(hash(request.node.nodeid))}")


@pytest.fixture
def remote(bucket, fake_gcs_server, monkeypatch):
    def refused(status: int, reason: str, message: str):
        body = {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}
        return status, {"Content-Type": "application/json"}, json.dumps(body).encode()

    monkeypatch.setattr(store, "PATIENCE", 3.0)
    monkeypatch.setattr(store, "_BREAKS", 3)
    monkeypatch.setattr(gcs, "_PAGE", 20)
    with faulty_proxy(fake_gcs_server.url) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
        yield Remote(
            proxy=proxy,
            uri=f"gs://{bucket.name}",
            put=lambda key, content: bucket.blob(key).upload_from_string(content),
            delete=lambda key: bucket.blob(key).delete(),
            lists=r"GET /storage/v1/b/bills-\d+/o\?",
            gets=lambda name: rf"GET /download/storage/v1/b/bills-\d+/o/.*{name}",
            throttled=refused(429, "rateLimitExceeded", "The object exceeded the rate limit for reads."),
            unavailable=refused(503, "backendError", "Backend Error"),
            expired=refused(401, "authError", "Request had invalid authentication credentials (token expired)."),
            renew="Renew the credentials (`gcloud auth application-default login`)",
            skewed=refused(401, "authError", "Invalid JWT: Token must be a short-lived token; check your clock."),
        )


class TestGoogleCloudStorage(RemoteStoreTests):
    pass


def test_every_range_is_of_the_listed_generation(tmp_path, remote, monkeypatch):
    """Large objects come in ranges; each names the generation, so none of them can be of another version."""
    monkeypatch.setattr(gcs, "_CHUNK", 300_000)
    content = bytes(range(256)) * 4096
    remote.put("bill.csv", content)
    opened = GcsStore(remote.uri, remote.uri.removeprefix("gs://"), "")
    (file,) = opened.list()
    assert opened.fetch(file, tmp_path).read_bytes() == content
    requests = remote.proxy.seen("GET /download/.*/bill.csv")
    assert [request.headers["range"] for request in requests] == [
        "bytes=0-299999",
        "bytes=300000-599999",
        "bytes=600000-899999",
        "bytes=900000-1048575",
    ]
    assert all(f"generation={file.etag}" in request.line for request in requests)


def test_a_bucket_that_does_not_exist_and_a_missing_role_are_clear_errors(tmp_path, remote):
    """The message says what to check, and which role reads a bucket."""
    (failed,) = land(workspace(tmp_path / "w", main="gs://no-such-bucket/cur")).failed
    assert "gs://no-such-bucket/cur: cannot be listed" in str(failed.error)
    assert failed.error.fix == "Check the bucket's name in finops.toml"
    remote.proxy.inject(remote.lists, answer=(403, {}, b"{}"))
    (failed,) = land(workspace(tmp_path / "w", main=remote.uri)).failed
    assert failed.error.fix == "Grant the credentials roles/storage.objectViewer on the bucket"


def test_without_credentials_the_message_says_how_to_get_some(tmp_path, monkeypatch):
    """No credentials anywhere in the chain is a setting to mend, not a stack trace."""
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    (failed,) = land(workspace(tmp_path / "w", main="gs://bills")).failed
    assert "Renew the credentials" in failed.error.fix
