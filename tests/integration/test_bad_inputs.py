"""Eighty-odd bad inputs, one folder each, named by what is wrong: each is said clearly, and none touches anything else.

tests/fixtures/bad_inputs/<what is wrong>/{export/…, case.toml}: case.toml gives the source's provider and format and
the pieces that the message must have.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.landing import land
from pipelines.outputs.publish import current_run
from pipelines.settings import Workspace
from tests.integration.bills import line, open_workspace, report

BAD_INPUTS = Path(__file__).parents[1] / "fixtures" / "bad_inputs"
CASES = {
    folder.name: tomllib.loads((folder / "case.toml").read_text("utf-8"))
    for folder in sorted(BAD_INPUTS.iterdir())
    if (folder / "case.toml").is_file()
}


def finops(root: Path, command: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("finops")
    return subprocess.run([program, command, "-w", root], capture_output=True, text=True, check=False)


def source_of(name: str) -> str:
    return name.replace("_", "-")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """All bad inputs and, last, a good one in one workspace: what landing said of each."""
    root = tmp_path_factory.mktemp("bad")
    shutil.copytree(BAD_INPUTS, root / "in", symlinks=True)
    report(root / "good", [line("5"), line("0.5")])
    sources = [
        {"name": source_of(n), "provider": c["provider"], "format": c["format"], "uri": str(root / "in" / n / "export")}
        for n, c in CASES.items()
    ]
    good = {"name": "zz-good", "provider": "aws", "format": "cur", "uri": str(root / "good")}
    opened = open_workspace(root / "w", *sources, good)
    first = finops(opened.root, "run")
    return opened, first, land(opened)


def test_there_are_at_least_fifty_of_them():
    """The issue asks for fifty."""
    assert len(CASES) >= 50


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said_with_place_and_fix(told, name):
    """File, row or column, what was done and what to do; nothing of it lands."""
    opened, first, again = told
    results = [result for result in again.results if result.source == source_of(name)]
    assert results and {result.outcome for result in results} == {"failed"}
    message = str(results[0].error)
    assert [piece for piece in CASES[name]["expect"] if piece not in message] == [], message
    assert results[0].error.fix and "Traceback" not in message
    assert message.split(". ")[0][:60] in first.stderr
    assert list(opened.landing.glob(f"*/source={source_of(name)}/billing_period=*/data.parquet")) == []


def test_the_good_source_lands_and_is_published_alone(told):
    """The command ends in 1, and the marts hold the good source's 5.50 and nothing else."""
    opened, first, again = told
    assert first.returncode == 1
    with duckdb.connect(str(current_run(opened) / "marts.duckdb"), read_only=True) as con:
        costs = con.execute("select x_source, sum(billed_cost) from fct_daily_costs group by all").fetchall()
    assert costs == [("zz-good", Decimal("5.5"))]
    assert [r.outcome for r in again.results if r.source == "zz-good"] == ["unchanged"]


def test_a_run_of_failures_alone_leaves_the_published_marts_as_they_are(told):
    """Readers keep the same run; nothing of the bad inputs is left in scratch."""
    opened, _, _ = told
    before = os.readlink(opened.published / "current"), (opened.published / "manifest.json").read_bytes()
    done = finops(opened.root, "run")
    assert done.returncode == 1
    assert (os.readlink(opened.published / "current"), (opened.published / "manifest.json").read_bytes()) == before
    assert [path for path in (opened.scratch / "landing").rglob("*") if path.is_file()] == []


def test_a_file_that_may_not_be_read_is_named(tmp_path):
    """Permissions are one source's trouble; the message says which file."""
    part = report(tmp_path / "in", [line("5")])
    report(tmp_path / "other", [line("9")])
    other = {"name": "other", "provider": "aws", "format": "cur", "uri": str(tmp_path / "other")}
    # Once as ourselves: Python may lie where nobody else can read it, and imports much on first use.
    land(open_workspace(tmp_path / "warm", other))
    opened = open_workspace(
        tmp_path / "w", {"name": "main", "provider": "aws", "format": "cur", "uri": str(tmp_path / "in")}, other
    )
    above = [path for path in tmp_path.parents if Path(tempfile.gettempdir()) in path.parents]
    for path in [tmp_path, *tmp_path.rglob("*"), *above]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    part.chmod(0o000)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        result = land(Workspace.open(opened.root))
    finally:
        os.seteuid(user)
    assert {r.source: r.outcome for r in result.results} == {"main": "failed", "other": "landed"}, result.failed
    assert "mycur-1.csv.gz" in str(result.failed[0].error) and "permission" in str(result.failed[0].error).lower()
