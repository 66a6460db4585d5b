"""Landing from Azure Blob Storage: the same promises as for every bucket, with Azure's own ways to sign in."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from pipelines.landing import land
from pipelines.landing.stores import azure_blob, store
from pipelines.landing.stores.azure_blob import AzureBlobStore
from tests.emulators.faults import faulty_proxy
from tests.integration.bills import landed, line, outcomes, report, workspace
from tests.integration.remote_stores import Remote, RemoteStoreTests

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # Azurite's, public


def connection(url: str, key: str = KEY) -> str:
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={url}/{ACCOUNT};"


@pytest.fixture
def container(azurite, request):
    name = f"bills-{abs(hash(request.node.nodeid))}"
    client = ContainerClient.from_connection_string(connection(azurite.url), name)
    client.create_container()
    return client


@pytest.fixture
def remote(container, azurite, monkeypatch):
    def refused(status: int, code: str, message: str):
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return status, {"Content-Type": "application/xml", "x-ms-error-code": code}, body.encode()

    quick = {"initial_backoff": 0, "increment_base": 0, "retry_total": 2, "random_jitter_range": 0}
    monkeypatch.setattr(azure_blob, "_RETRIES", quick)
    monkeypatch.setattr(azure_blob, "_PAGE", 20)
    monkeypatch.setattr(store, "_BREAKS", 3)
    with faulty_proxy(azurite.url) as proxy:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection(proxy.url))
        yield Remote(
            proxy=proxy,
            uri=f"abfss://{container.container_name}@{ACCOUNT}.dfs.core.windows.net",
            put=lambda key, content: container.upload_blob(key, content, overwrite=True),
            delete=container.delete_blob,
            lists=rf"GET /{ACCOUNT}/bills-\d+\?.*comp=list",
            gets=lambda name: rf"GET /{ACCOUNT}/bills-\d+/cur/.*{name}",
            throttled=refused(503, "ServerBusy", "The server is busy."),
            unavailable=refused(500, "InternalError", "The server encountered an internal error."),
            expired=refused(
                403, "AuthenticationFailed", "Server failed to authenticate the request. Signature expired."
            ),
            renew="Renew the credentials (`az login`",
            skewed=refused(403, "AuthenticationFailed", "The date header in the request is incorrect."),
            secrets=[KEY],
        )


class TestAzureBlob(RemoteStoreTests):
    pass


def test_a_large_blob_comes_in_ranges_of_one_version(tmp_path, remote, monkeypatch):
    """Every range is bound to the etag that was listed; a cut one is asked for again."""
    monkeypatch.setattr(azure_blob, "_CHUNK", 300_000)
    content = bytes(range(256)) * 4096
    remote.put("bill.csv", content)
    remote.proxy.inject("GET .*/bill.csv", times=1, after=1, cut=1000)
    opened = AzureBlobStore(remote.uri, remote.uri.removeprefix("abfss://"))
    (file,) = opened.list()
    assert opened.fetch(file, tmp_path).read_bytes() == content
    requests = remote.proxy.seen("GET .*/bill.csv")
    assert len(requests) >= 5
    assert {request.headers["If-Match"].strip('"') for request in requests} == {file.etag}


def test_folders_of_a_data_lake_are_no_files(tmp_path, remote, container):
    """With a hierarchical namespace the Blob endpoint lists folders as empty blobs, even one named like a file."""
    report(tmp_path / "in", [line("5")])
    remote.upload(tmp_path / "in")
    container.upload_blob("cur/mycur/old.csv", b"", metadata={"hdi_isfolder": "true"})
    opened = workspace(tmp_path / "w", main=f"{remote.uri}/cur")
    assert outcomes(land(opened)) == {("main", "2026-09"): "landed"} and landed(opened) == [Decimal(5)]
    opened_store = AzureBlobStore(remote.uri, remote.uri.removeprefix("abfss://"))
    assert not [file for file in opened_store.list() if file.key.endswith("old.csv")]


def test_a_sas_token_that_expired_is_said_without_being_shown(tmp_path, remote, azurite, container, monkeypatch):
    """Azurite itself refuses it; the signature is a secret and stays out of the message."""
    for age, is_refused in ((timedelta(hours=-1), True), (timedelta(hours=1), False)):
        sas = generate_container_sas(
            ACCOUNT,
            container.container_name,
            account_key=KEY,
            permission=ContainerSasPermissions(read=True, list=True),
            expiry=datetime.now(UTC) + age,
        )
        text = f"BlobEndpoint={remote.proxy.url}/{ACCOUNT};SharedAccessSignature={sas}"
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"{text};AccountName={ACCOUNT}")
        (failed,) = land(workspace(tmp_path / "w", main=remote.uri)).failed
        signature = sas.split("sig=")[1].split("&")[0]
        assert signature not in str(failed.error)
        assert ("Renew the credentials (`az login`" in failed.error.fix) == is_refused
        assert ("no export found" in str(failed.error)) != is_refused


def test_a_connection_that_cannot_be_made_does_not_show_its_signature(tmp_path, remote, monkeypatch):
    """An SDK's message about a dead host holds the whole URL; what follows its question mark is cut out."""
    text = (
        f"BlobEndpoint=http://127.0.0.1:1/{ACCOUNT};SharedAccessSignature=sv=2025&sig=hush%2Fhush;AccountName={ACCOUNT}"
    )
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
    (failed,) = land(workspace(tmp_path / "w", main=remote.uri)).failed
    assert "cannot be listed" in str(failed.error) and "hush" not in str(failed.error)


def test_a_container_that_does_not_exist_and_a_uri_of_another_shape_are_clear_errors(tmp_path, remote):
    """The message says what to check."""
    missing = f"abfss://no-such-container@{ACCOUNT}.dfs.core.windows.net/cur"
    (failed,) = land(workspace(tmp_path / "w", main=missing)).failed
    assert "cannot be listed: ContainerNotFound" in str(failed.error)
    assert failed.error.fix == "Check account and container in finops.toml"
    (failed,) = land(workspace(tmp_path / "w", main="abfss://bills/cur")).failed
    assert "is not abfss://container@account.dfs.core.windows.net/path" in str(failed.error)


def test_a_key_of_another_account_is_never_sent(tmp_path, remote, monkeypatch):
    """The connection string names its account: for another one, the default chain is asked instead."""
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    opened = AzureBlobStore("x", "bills@otheraccount.dfs.core.windows.net/cur")
    assert opened.client.url == "https://otheraccount.blob.core.windows.net/bills"
    assert type(opened.client.credential).__name__ == "DefaultAzureCredential"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "otheraccount")
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    opened = AzureBlobStore("x", "bills@otheraccount.dfs.core.windows.net/cur")
    assert opened.client.credential.account_name == "otheraccount"
