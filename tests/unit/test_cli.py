"""The command line: what a person sees before anything is read."""

import pytest
import typer
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.cli.app import one_line
from pipelines.errors import DecisionError, SettingsError
from pipelines.run import run
from pipelines.settings import Workspace
from pipelines.workspace_template import write_workspace

COMMANDS = sorted(typer.main.get_command(app).commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_and_shows_an_example(command):
    """Help that does not show a command that can be typed is no help."""
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80", "TERM": "dumb"})
    assert shown.exit_code == 0
    assert f"Example: finops {command}" in shown.output
    assert max(len(row) for row in shown.output.splitlines()) <= 80


def test_a_workspace_that_names_no_source_says_where_to_name_one(tmp_path):
    """The first thing that everybody does wrong: `finops run` right after `finops init`."""
    write_workspace(tmp_path / "w")
    with pytest.raises(SettingsError, match=r"finops.toml: names no source. Nothing was read. Uncomment"):
        run(Workspace.open(tmp_path / "w"))
    assert not (tmp_path / "w" / "warehouse.duckdb").exists()


def test_a_list_of_problems_keeps_its_lines_and_what_follows_begins_a_new_one():
    assert str(DecisionError(["a.csv:2: one", "b.csv:3: two"])) == (
        "decisions: 2 problem(s):\n  a.csv:2: one\n  b.csv:3: two\nNothing was applied."
    )


def test_a_tag_s_line_breaks_do_not_break_the_table_that_shows_it():
    assert one_line("campaign\nq4\t autumn", 16) == "campaign q4 autu"
