"""`finops validate`: the official validator and the 1.4 checks in their own environment.

On a machine without Python 3.12, which they need, what it says instead is what is tested.
"""

import json
import re
import shutil
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.conformance.report import tally_lines, write_report
from pipelines.conformance.tool_environment import find_python, no_python
from pipelines.conformance.validate import Conformance, OwnRule, validate
from pipelines.errors import SettingsError
from pipelines.settings import Workspace

TRACKED = Path(__file__).parents[2] / "docs" / "conformance.md"
HAS_PYTHON = find_python() is not None


def numbers(lines: list[str]) -> dict[tuple[str, str], list[int | None]]:
    """(rows of, checker) -> run, passed, failed, skipped, explained, unexplained of a report's table."""
    table = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| \w+.* \| focus-", line)
    ]
    return {(row[0], row[1]): [int(cell) if cell else None for cell in row[2:]] for row in table}


def test_every_failure_is_explained_for_each_provider_and_for_all(built):
    """No unexplained failure, and no more failures than the numbers that the repository tracks."""
    found = validate(built, sample=1_500)
    assert found.own_rules >= 44 and not [rule for rule in found.broken if rule.origin == "converted"]
    if not HAS_PYTHON:
        assert "pyenv install 3.12" in str(found.problem) and not found.is_clean
        return

    assert found.problem is None and found.unexplained == [] and found.is_clean
    now, tracked = numbers(tally_lines(found)), numbers(TRACKED.read_text("utf-8").splitlines())
    assert {group for group, _ in now} == {"aws", "azure", "gcp", "all"} and len(now) == 8
    assert now.keys() == tracked.keys()
    for key, (run, _, failed, skipped, *_) in now.items():
        told = f"{key}: docs/conformance.md tracks other numbers; bring it up to date with the table of this report"
        assert (run, skipped) == (tracked[key][0], tracked[key][3]), told
        assert failed <= tracked[key][2], told
    # The official rules that pass are many, and the sample is one of every kind of row.
    assert all(tally.rules == 578 and tally.passed > 300 for tally in found.tallies if tally.checker == "official")
    assert all(tally.rows < tally.rows_in_ledger for tally in found.tallies if tally.group in ("aws", "all"))

    folder = write_report(found, built.reports)
    assert json.loads((folder / "conformance.json").read_text())["clean"] is True
    assert "stratified sample" in (folder / "conformance.md").read_text()
    assert "aws-acquired,SubAccountName," in (folder / "gaps.csv").read_text()


def test_what_the_allow_list_does_not_explain_ends_with_exit_code_1(built, tmp_path):
    """A ledger with usage-based purchases and a lost unit price fails, by the rules' names."""
    root = tmp_path / "w"
    shutil.copytree(built.root, root, symlinks=True)
    with duckdb.connect(str(root / "warehouse.duckdb")) as con:
        con.execute("update int_focus__charges set charge_frequency = 'Usage-Based' where charge_category = 'Purchase'")
        con.execute("update int_focus__charges set list_unit_price = null where charge_category = 'Usage'")
        con.execute("update int_focus__charges set x_gaps = 'SkuId' where x_source = 'azure-ea' and x_gaps is null")

    done = CliRunner().invoke(app, ["validate", "-w", str(root), "--source", "azure-ea", "--sample", "500"])

    assert done.exit_code == 1
    assert "Our rules" in done.output
    # A gap does not excuse a column that the bill has.
    assert "the_source_does_not_give_SkuId" in done.output and " row " in done.output
    if HAS_PYTHON:
        assert "ChargeFrequency-C-" in done.output and "Unexplained azure" in done.output
        assert "required_with_sku_price_id:ListUnitPrice" in done.output
        assert "rows more than the allow-list explains" in done.output
    else:
        assert "need Python 3.12 or newer" in done.output


def test_without_a_new_python_it_says_how_to_get_one_and_checks_our_own_rules(built, tmp_path):
    """Nothing is pretended: the checkers did not run, so the ledger is not called clean."""
    assert find_python([tmp_path]) is None

    found = validate(built, find=lambda: find_python([tmp_path]))

    assert str(found.problem) == str(no_python()) and "uv python install 3.12" in str(found.problem)
    assert found.own_rules >= 44 and found.tallies == [] and not found.is_clean


def test_an_unknown_source_is_named(built):
    """A typing error does not validate nothing and call it good."""
    with pytest.raises(SettingsError, match="no source 'aws-payr'"):
        validate(Workspace.open(built.root), source="aws-payr")


def test_what_focus_files_break_themselves_is_clean_unless_asked_strictly():
    """It is told either way; `--strict` makes it count."""
    broken = [OwnRule("charge_frequency_is_known", "delivered", 3, "f.csv row 2")]

    assert Conformance(broken=broken).is_clean
    assert not Conformance(broken=broken, strict=True).is_clean
    assert "--strict" in CliRunner().invoke(app, ["validate", "--help"], env={"COLUMNS": "200"}).output
