"""Companies that many tests look at: each is made once, whichever worker of pytest-xdist asks first."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from pipelines.build import build
from pipelines.landing import land
from pipelines.landing.usage.land import land_usage
from pipelines.run import run
from pipelines.sample import write_sample
from pipelines.settings import Workspace

# An example that a busy machine held up is no failure.
settings.register_profile("finops", deadline=None)
settings.load_profile("finops")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory, request) -> Callable[[str, Callable[[Path], None]], Path]:
    """`made_once(name, make)` gives the folder that `make` filled, in this worker or in another."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder = shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            finished = shared / f"{name}.finished"
            if not finished.exists():
                make(folder)
                finished.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def built(made_once):
    """A workspace with a small ledger of three providers and four months. Whoever changes it works on a copy."""

    def make(root: Path) -> None:
        write_sample(root, rows=6_000, months=4)
        workspace = Workspace.open(root)
        land(workspace)
        land_usage(workspace)
        build(workspace)

    return Workspace.open(made_once("built", make))


@pytest.fixture(scope="session")
def company(made_once):
    """A sample company of two months that has been run once; whoever changes anything works on a copy."""

    def make(root: Path) -> None:
        write_sample(root, rows=6_000, months=2, seed=11)
        run(Workspace.open(root))

    return made_once("company", make)
