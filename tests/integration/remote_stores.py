"""What every bucket must do, whatever the cloud: the same tests run against S3, Azure Blob and Google Cloud Storage.

Each case ends in one of two ways: everything landed, exactly; or a failure that names the object and the next step,
with nothing half-landed and the previous delivery as it was.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.landing import land
from pipelines.landing.deliveries import landed_deliveries
from pipelines.settings import Workspace
from tests.emulators.faults import FaultyProxy
from tests.integration.bills import landed, line, outcomes, report, workspace

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Remote:
    """An empty bucket behind a proxy, and how this cloud speaks."""

    proxy: FaultyProxy
    uri: str
    put: Callable[[str, bytes], object]
    delete: Callable[[str], object]
    lists: str  # request lines that list the bucket
    gets: Callable[[str], str]  # request lines that read the object with this name
    throttled: Answer
    unavailable: Answer
    expired: Answer
    renew: str  # part of the fix for `expired`
    skewed: Answer
    secrets: list[str] = field(default_factory=list)

    def upload(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(path.relative_to(folder).as_posix(), path.read_bytes())


def big_report(folder: Path, seed: int, month: str = "2026-09") -> Decimal:
    """A month whose part is some 250 KB (it does not compress well); returns its cost."""
    draw = random.Random(seed)
    costs = [Decimal(draw.randrange(1, 10**9)).scaleb(-6) for _ in range(2_000)]
    report(folder, [line(str(cost), month, draw.randbytes(120).hex()) for cost in costs], month=month)
    return sum(costs, Decimal(0))


def total(opened: Workspace) -> Decimal:
    return sum(landed(opened), Decimal(0))


def files_below(opened: Workspace) -> set[str]:
    """Everything in the workspace but locks: nothing may be left behind by a failure."""
    return {
        str(path.relative_to(opened.root))
        for path in opened.root.rglob("*")
        if path.is_file() and ".locks" not in path.parts
    }


class RemoteStoreTests:
    """Subclassed once per cloud, with a fixture `remote`."""

    def test_an_export_lands_once_and_a_rewritten_month_restates_only_itself(self, tmp_path, remote):
        """Unchanged objects are listed, never read again."""
        august = big_report(tmp_path / "in", 1, "2026-08")
        september = big_report(tmp_path / "in", 2)
        remote.upload(tmp_path / "in")
        opened = workspace(tmp_path / "w", main=remote.uri)
        assert outcomes(land(opened)) == {("main", "2026-08"): "landed", ("main", "2026-09"): "landed"}
        assert total(opened) == august + september
        first = landed_deliveries(opened)

        remote.proxy.heal()
        assert set(outcomes(land(opened)).values()) == {"unchanged"} and landed_deliveries(opened) == first
        assert not remote.proxy.seen(remote.gets("mycur-1.csv.gz"))

        september = big_report(tmp_path / "in", 3)
        remote.upload(tmp_path / "in" / "cur" / "mycur" / "20260901-20261001")  # a stray copy at the top: no matter
        part = "cur/mycur/20260901-20261001/a1/mycur-1.csv.gz"
        remote.put(part, (tmp_path / "in" / part).read_bytes())
        assert outcomes(land(opened)) == {("main", "2026-08"): "unchanged", ("main", "2026-09"): "restated"}
        assert total(opened) == august + september
        assert {file["etag"] != "" and file["size"] > 100_000 for d in first for file in d.files} == {True}

    def test_the_same_export_has_the_same_delivery_id_on_disk_and_in_the_bucket(self, tmp_path, remote):
        """Ids name content, so a source that moves restates nothing."""
        big_report(tmp_path / "in", 1)
        remote.upload(tmp_path / "in")
        ids = []
        for number, uri in enumerate((str(tmp_path / "in"), remote.uri)):
            opened = workspace(tmp_path / f"w{number}", main=uri)
            assert not land(opened).failed
            ids.append(landed_deliveries(opened)[0].delivery_id)
        assert ids[0] == ids[1]

    def test_a_listing_of_many_pages_is_read_to_its_end(self, tmp_path, remote):
        """Strays fill the first pages; the export lies on the last."""
        cost = big_report(tmp_path / "in", 1)
        for number in range(45):
            remote.put(f"a-stray-{number:02}.txt", b"x")
        remote.upload(tmp_path / "in")
        opened = workspace(tmp_path / "w", main=remote.uri)
        assert outcomes(land(opened)) == {("main", "2026-09"): "landed"} and total(opened) == cost
        assert len(remote.proxy.seen(remote.lists)) >= 3

    def test_a_prefix_is_a_folder(self, tmp_path, remote):
        """`exports` is a folder's name: what lies under `exports-old/` is not below it."""
        report(tmp_path / "in" / "exports-old", [line("5")])
        remote.upload(tmp_path / "in")
        (failed,) = land(workspace(tmp_path / "w", main=f"{remote.uri}/exports")).failed
        assert "no export found below" in str(failed.error)

    @pytest.mark.parametrize("name", ["mycur-1.csv.gz", "mycur-Manifest.json"])
    def test_a_body_cut_in_the_middle_is_taken_up_again(self, tmp_path, remote, name):
        """Twice cut, then whole: the month lands to the last cent, and the file is the one that was sent."""
        cost = big_report(tmp_path / "in", 1)
        remote.upload(tmp_path / "in")
        remote.proxy.inject(remote.gets(name), times=2, cut=100)
        opened = workspace(tmp_path / "w", main=remote.uri)
        assert outcomes(land(opened)) == {("main", "2026-09"): "landed"} and total(opened) == cost
        assert len(remote.proxy.seen(remote.gets(name))) >= 3

    def test_a_listing_cut_in_the_middle_is_asked_for_again(self, tmp_path, remote):
        """Half a listing must never pass for the whole: it would look like a month that vanished."""
        cost = big_report(tmp_path / "in", 1)
        remote.upload(tmp_path / "in")
        remote.proxy.inject(remote.lists, times=1, cut=100)
        opened = workspace(tmp_path / "w", main=remote.uri)
        assert outcomes(land(opened)) == {("main", "2026-09"): "landed"} and total(opened) == cost

    @pytest.mark.parametrize("name", ["mycur-1.csv.gz", "mycur-Manifest.json"])
    def test_a_body_that_always_breaks_off_leaves_the_previous_delivery(self, tmp_path, remote, name):
        """A failure names the object and the next step; other sources go on; nothing is left behind."""
        opened, before, files = self._restating(tmp_path, remote)
        remote.proxy.inject(remote.gets(name), cut=10)
        result = land(opened)
        assert {r.source: r.outcome for r in result.results} == {"main": "failed", "other": "unchanged"}
        assert f"{name}: cannot be read: " in str(result.failed[0].error), str(result.failed[0].error)
        assert "Run `finops land` again" in result.failed[0].error.fix
        assert landed_deliveries(opened) == before and files_below(opened) == files
        remote.proxy.heal()
        assert outcomes(land(opened))["main", "2026-09"] == "restated"

    @pytest.mark.parametrize("kind", ["throttled", "unavailable"])
    def test_throttling_and_server_errors_are_waited_out(self, tmp_path, remote, kind):
        """One refusal of each kind of request, then it goes through."""
        cost = big_report(tmp_path / "in", 1)
        remote.upload(tmp_path / "in")
        for when in (remote.lists, remote.gets("mycur-Manifest.json"), remote.gets("mycur-1.csv.gz")):
            remote.proxy.inject(when, times=1, answer=getattr(remote, kind))
        opened = workspace(tmp_path / "w", main=remote.uri)
        assert outcomes(land(opened)) == {("main", "2026-09"): "landed"} and total(opened) == cost
        assert not any(fault.times for fault in remote.proxy.faults)

    @pytest.mark.parametrize("where", ["listing", "reading"])
    def test_a_cloud_that_keeps_refusing_is_a_clear_failure(self, tmp_path, remote, where):
        """Throttled or down: later. Credentials: renew them. Clock: set it. Never a secret in the message."""
        opened, before, files = self._restating(tmp_path, remote)
        when = remote.lists if where == "listing" else remote.gets("mycur-1.csv.gz")
        later = "Run `finops land` again later"
        for kind, fix in {"throttled": later, "unavailable": later, "expired": remote.renew, "skewed": "clock"}.items():
            remote.proxy.heal()
            remote.proxy.inject(when, answer=getattr(remote, kind))
            (failed,) = land(opened).failed
            error = failed.error
            assert error.what.startswith("cannot be listed" if where == "listing" else "cannot be read"), kind
            assert remote.uri in error.where and ("mycur-1.csv.gz" in error.where) == (where == "reading"), kind
            assert "previous deliver" in error.done and fix in error.fix, (kind, error)
            assert not [secret for secret in remote.secrets if secret in str(error)]
            assert landed_deliveries(opened) == before and files_below(opened) == files, kind

    def test_an_object_that_changes_between_listing_and_reading_keeps_the_previous_delivery(self, tmp_path, remote):
        """A read is bound to the version that was listed; the next run lands the new one."""
        opened, before, files = self._restating(tmp_path, remote)
        new = self._newer(tmp_path, remote)
        remote.proxy.inject(remote.gets("mycur-1.csv.gz"), times=1, first=new)
        (failed,) = land(opened).failed
        assert "mycur-1.csv.gz: changed or vanished while it was being read" in str(failed.error)
        assert failed.error.fix == "Run again"
        assert landed_deliveries(opened) == before and files_below(opened) == files
        assert outcomes(land(opened))["main", "2026-09"] == "restated"
        assert landed(opened) == [Decimal(7)]

    def test_an_object_that_changes_while_its_body_is_cut_is_never_pieced_together(self, tmp_path, remote):
        """The first half of the old version and the second half of the new one is no file at all."""
        opened, before, files = self._restating(tmp_path, remote)
        new = self._newer(tmp_path, remote)
        remote.proxy.inject(remote.gets("mycur-1.csv.gz"), times=1, cut=100_000)
        remote.proxy.inject(remote.gets("mycur-1.csv.gz"), times=1, first=new)
        (failed,) = land(opened).failed
        assert "mycur-1.csv.gz: changed or vanished while it was being read" in str(failed.error)
        assert landed_deliveries(opened) == before and files_below(opened) == files
        assert outcomes(land(opened))["main", "2026-09"] == "restated"
        assert landed(opened) == [Decimal(7)]

    def test_an_object_that_vanishes_before_it_is_read_keeps_the_previous_delivery(self, tmp_path, remote):
        """Deleted between listing and reading: the same as changed."""
        opened, before, _ = self._restating(tmp_path, remote)
        gone = "cur/mycur/20260901-20261001/a1/mycur-1.csv.gz"
        remote.proxy.inject(remote.gets("mycur-1.csv.gz"), times=1, first=lambda: remote.delete(gone))
        (failed,) = land(opened).failed
        assert "changed or vanished while it was being read" in str(failed.error)
        assert landed_deliveries(opened) == before

    def _restating(self, tmp_path: Path, remote: Remote):
        """A workspace with a landed month, whose export was since rewritten, and a local source beside it."""
        report(tmp_path / "local", [line("1")])
        report(tmp_path / "in", [line("5")])
        remote.upload(tmp_path / "in")
        opened = workspace(tmp_path / "w", main=remote.uri, other=tmp_path / "local")
        assert not land(opened).failed
        big_report(tmp_path / "in", 1)
        remote.upload(tmp_path / "in")
        remote.proxy.heal()
        return opened, landed_deliveries(opened), files_below(opened)

    def _newer(self, tmp_path: Path, remote: Remote) -> Callable[[], object]:
        """Writes another version of the month's part."""
        part = report(tmp_path / "newer", [line("7")])
        name = part.relative_to(tmp_path / "newer").as_posix()
        return lambda: remote.put(name, part.read_bytes())
