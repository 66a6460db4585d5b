"""Settings that would count a bill twice are refused before anything is read."""

import pytest

from pipelines.errors import SettingsError
from pipelines.settings import Workspace


def opened(tmp_path, *uris: str, formats: tuple[str, ...] = ("cur", "cur2")) -> Workspace:
    blocks = [
        f'[[sources]]\nname = "s{n}"\nprovider = "aws"\nformat = "{formats[n]}"\nuri = "{uri}"\n'
        for n, uri in enumerate(uris)
    ]
    (tmp_path / "finops.toml").write_text("\n".join(blocks))
    return Workspace.open(tmp_path)


@pytest.mark.parametrize("second", ["s3://bills/aws", "s3://bills/aws/", "s3://bills/aws/exports"])
def test_two_sources_may_not_read_the_same_export(tmp_path, second):
    """The same place, or one below the other: its files would land under both names."""
    with pytest.raises(SettingsError, match=r"s\d and s\d both read .* count its charges twice"):
        opened(tmp_path, "s3://bills/aws", second)


@pytest.mark.parametrize("second", ["s3://bills/aws-2", "s3://other/aws"])
def test_neighbours_may_be_read_by_two_sources(tmp_path, second):
    """A name that begins alike is another folder."""
    assert len(opened(tmp_path, "s3://bills/aws", second).sources) == 2


def test_exports_of_two_kinds_may_lie_below_one_place(tmp_path):
    """A FOCUS export beside a CUR is found by its own kind of manifest and columns."""
    assert len(opened(tmp_path, "s3://bills", "s3://bills", formats=("cur", "focus")).sources) == 2


def test_who_stands_in_a_workspace_is_told_how_to_name_it(tmp_path, monkeypatch):
    monkeypatch.delenv("FINOPS_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"no workspace here.*finops init"):
        Workspace.open()
    (tmp_path / "finops.toml").write_text("")
    with pytest.raises(SettingsError, match=r"no workspace here.*Give `-w \.`"):
        Workspace.open()
