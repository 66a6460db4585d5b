"""What providers and power cuts do to a bill, as sequences of steps on one source, with a model of what must be landed.

A step changes the export (or does not), then the source is landed: plainly, twice at once, killed and again, or later.
The model is a dictionary: month to the bytes of the last complete version that a landing saw, and where they were read.
"""

import gzip
import json
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import strategies as st

from pipelines.landing import land
from pipelines.settings import Workspace
from tests.integration.bills import HEADER

MONTHS = ("2026-08", "2026-09")
ACCOUNTS = ("001234567890", "002222222222")
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["pipelines.landing.land", "data_quality.gate", "great_expectations"])

Charge = tuple[int, int, int]  # cents, day of the month, account
Parts = tuple[tuple[Charge, ...], ...]  # the files of a version


@dataclass(frozen=True)
class Step:
    what: str  # rewritten | same | shrunk | late | older | half_written | cut
    month: str
    charges: tuple[Charge, ...]
    parts: int
    how: str  # landed | later | killed | concurrent
    kill_at: int  # the landing dies at its nth touch of the workspace


@dataclass(frozen=True)
class Sequence:
    overwrites: bool  # the export rewrites its files in place, instead of a folder per version
    has_twin: bool  # a second source bills the same account
    steps: tuple[Step, ...]


_CHARGES = st.lists(
    st.tuples(st.integers(-300, 5_000), st.integers(1, 28), st.integers(0, 1)), min_size=1, max_size=4
).map(tuple)
WHAT = ("rewritten", "late", "shrunk", "same", "older", "half_written", "cut")
HOW = ("landed", "killed", "later", "concurrent")
_STEPS = st.builds(
    Step,
    what=st.sampled_from(WHAT),
    month=st.sampled_from(MONTHS),
    charges=_CHARGES,
    parts=st.integers(1, 2),
    how=st.sampled_from(HOW),
    kill_at=st.integers(5, 42),
)
SEQUENCES = st.builds(
    Sequence,
    overwrites=st.booleans(),
    has_twin=st.sampled_from([False, False, False, True]),
    steps=st.lists(_STEPS, min_size=2, max_size=3).map(tuple),
)


def with_its_turn(sequence: Sequence, number: int) -> Sequence:
    """The nth sequence begins with a delivery that lands, and the nth kind of step on it.

    What Hypothesis draws depends on the code that is loaded; so does not that every kind of step meets every kind of
    landing.
    """
    first = replace(sequence.steps[0], what="rewritten", how="landed", month=MONTHS[0])
    what, how = WHAT[number % len(WHAT)], HOW[number // len(WHAT) % len(HOW)]
    second = replace(sequence.steps[1], what=what, how=how, month=MONTHS[0])
    return replace(sequence, steps=(first, second, *sequence.steps[2:]))


@dataclass
class Export:
    """One source's export folder, what stands in it, and what a landing must have taken from it."""

    folder: Path
    overwrites: bool
    versions: int = 0
    written: dict[str, tuple[Parts, str] | None] = field(default_factory=dict)  # None: not complete
    landed: dict[str, tuple[Parts, str]] = field(default_factory=dict)  # month -> version, its folder
    kills: int = 0

    def write(self, month: str, parts: Parts, complete: bool = True, cut: bool = False) -> None:
        self.versions += 1
        place = "" if self.overwrites else f"v{self.versions}"
        write_version(self.folder, month, place, parts, has_data=complete or cut, cut=cut)
        self.written[month] = (parts, place) if complete and not cut else None

    def leave_older(self, month: str, parts: Parts) -> None:
        """An older assembly shows up late: its own manifest and files, but the month's manifest does not name it."""
        write_version(self.folder, month, "older", parts, is_newest=False)

    def seen(self) -> None:
        """A landing looked: what was complete and new is landed."""
        for month, version in self.written.items():
            if version and (month not in self.landed or self.landed[month][0] != version[0]):
                self.landed[month] = version


def write_version(
    folder: Path,
    month: str,
    place: str,
    parts: Parts,
    *,
    has_data: bool = True,
    cut: bool = False,
    is_newest: bool = True,
) -> None:
    """A legacy CUR's version of a month: gzipped parts, then the manifest that names them."""
    period = (
        folder
        / "cur"
        / "mycur"
        / f"{month.replace('-', '')}01-{month[:5]}{int(month[5:]) + 1:02d}01".replace("-2026-", "-2026")
    )
    period.mkdir(parents=True, exist_ok=True)
    keys = []
    for number, charges in enumerate(parts, start=1):
        path = period / place / f"mycur-{number}.csv.gz"
        keys.append(path.relative_to(folder).as_posix())
        if has_data:
            path.parent.mkdir(exist_ok=True)
            content = gzip.compress(
                "\n".join([HEADER, *(_line(month, *charge) for charge in charges), ""]).encode(), mtime=0
            )
            path.write_bytes(content[: len(content) // 2] if cut else content)
    if not has_data:
        keys.append(f"cur/mycur/{period.name}/still-writing/mycur-1.csv.gz")
    first, after = period.name.split("-")
    manifest = {
        "assemblyId": place,
        "reportName": "mycur",
        "billingPeriod": {"start": f"{first}T000000.000Z", "end": f"{after}T000000.000Z"},
        "reportKeys": keys,
    }
    places = [period / place] if place and has_data else []
    for target in [*places, *([period] if is_newest else [])]:
        (target / "mycur-Manifest.json").write_text(json.dumps(manifest))


def _line(month: str, cents: int, day: int, account: int) -> str:
    first, end, start = f"{month}-01T00:00:00.000Z", f"{month}-28T00:00:00.000Z", f"{month}-{day:02d}T00:00:00.000Z"
    cost = f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
    return f"id,{ACCOUNTS[0]},{first},{end},{ACCOUNTS[account]},Usage,{start},{end},AmazonS3,USD,{cost},ada"


def play(root: Path, name: str, sequence: Sequence) -> Export:
    """Run one sequence on source `name` of the workspace `root`; its export lies below root/../exports/name."""
    export = Export(root.parent / "exports" / name, sequence.overwrites)
    export.folder.mkdir(parents=True)
    for step in sequence.steps:
        _change(export, step, root, name)
        if step.how == "later":
            continue
        if step.how == "killed":
            export.kills += _land_together(root, name, [step.kill_at])
        elif step.how == "concurrent":
            _land_together(root, name, [0, 0])
        _land(root, name)
        export.seen()
    _land(root, name)
    export.seen()
    return export


def _change(export: Export, step: Step, root: Path, name: str) -> None:
    now = export.written.get(step.month) or export.landed.get(step.month)
    charges = tuple(charge for part in now[0] for charge in part) if now else ()
    if step.what in ("half_written", "cut"):
        # The daily landing saw what stood there before the provider began to write.
        if export.written:
            _land(root, name)
            export.seen()
        export.write(step.month, _split(step.charges, step.parts), complete=step.what == "cut", cut=step.what == "cut")
    elif step.what == "older" and now and not export.overwrites:
        export.leave_older(step.month, _split(step.charges, step.parts))
    elif step.what == "same" and now:
        export.write(step.month, now[0])
    elif step.what == "shrunk" and now:
        export.write(step.month, _split(charges[: len(charges) // 2], step.parts))
    elif step.what == "late" and now:
        export.write(step.month, _split(charges + step.charges, step.parts))
    else:
        export.write(step.month, _split(step.charges, step.parts))


def _split(charges: tuple[Charge, ...], parts: int) -> Parts:
    middle = len(charges) // 2
    return (charges[:middle], charges[middle:]) if parts == 2 else (charges,)


def _land(root: Path, name: str) -> None:
    land(Workspace.open(root), [name])


def _land_together(root: Path, name: str, kill_at: list[int]) -> int:
    """Landings of one source in processes of their own, at the same time; one with a number dies at that touch.

    Returns how many were killed before they were done.
    """
    running = [_PROCESSES.Process(target=_land_or_die, args=(root, name, number)) for number in kill_at]
    for process in running:
        process.start()
    for process, number in zip(running, kill_at, strict=True):
        process.join(120)
        assert process.exitcode in ((0, -signal.SIGKILL) if number else (0,)), f"{name}: exit code {process.exitcode}"
    return sum(process.exitcode != 0 for process in running)


def _land_or_die(root: Path, name: str, kill_at: int) -> None:
    """Land, and be killed by SIGKILL at the nth time that a path of the workspace is opened, linked or renamed."""
    touches = 0

    def count(event: str, arguments: tuple) -> None:
        nonlocal touches
        if event in ("open", "os.rename", "os.link", "os.mkdir", "os.remove") and str(root) in str(arguments[0]):
            touches += 1
            if touches == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    if kill_at:
        sys.addaudithook(count)
    _land(root, name)
