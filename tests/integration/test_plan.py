"""`finops plan`: what changed decisions would move, in numbers that can be checked by hand, and nothing is touched."""

import csv
import hashlib
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipelines.build import build
from pipelines.cli import app
from pipelines.errors import DecisionError
from pipelines.landing import land
from pipelines.landing.books import LINES, Posting, record
from pipelines.learned import RuleGap
from pipelines.outputs.plan_text import print_plan
from pipelines.outputs.publish import current_run, publish
from pipelines.plan import FileChange, Move, Plan, PlanError, plan
from tests.integration.bills import open_workspace
from tests.integration.test_close import OCTOBER, SEPTEMBER, A, bill, decide

RULES = ("a,1,tag,CostCenter,A,A,100,,,", "b,1,tag,CostCenter,B*,B,100,,,")
POOL = "shared,10,any,,,{},,,A;B,,,"


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """Two published months, September closed. Of the tag b2, B pays 30.00 and 6.00; 8.00 of October are shared."""
    root = tmp_path_factory.mktemp("plan")
    bill(root, SEPTEMBER, [("A", "100.00"), ("B1", "20.00"), ("B2", "30.00")])
    bill(root, OCTOBER, [("A", "10.00"), ("B2", "6.00"), ("nobody", "8.00")])
    opened = open_workspace(root, {"name": "s", "provider": "other", "format": "focus", "uri": str(root / "bills")})
    decide(opened, "cost_centers", "A,A,,,,,,6100,1,0,2026-01-01,", "B,B,,,,,,6200,3,0,2026-01-01,")
    decide(opened, "allocation_rules", *RULES)
    decide(opened, "shared_cost_rules", POOL.format("equal_split"))
    assert not land(opened).failed
    build(opened)
    publish(opened)
    with duckdb.connect(str(current_run(opened) / "marts.duckdb"), read_only=True) as con:
        lines = con.execute(
            "select * exclude (status, revision) from fct_chargeback where posting_period = ?", [SEPTEMBER]
        ).to_arrow_table()
    record(opened, "close", SEPTEMBER, "0" * 64, Posting(lines.select(LINES.names[2:])), "2026-10-05T09:00:00Z", "Dana")
    return opened


@pytest.fixture
def sound(books):
    """The decisions of the published run, before and after the test."""
    yield books
    decide(books, "allocation_rules", *RULES)
    decide(books, "shared_cost_rules", POOL.format("equal_split"))


def finops_plan(opened, *options: str) -> tuple[int, str, str]:
    """Exit code, what is printed, and the error that `finops` would print after it."""
    result = CliRunner().invoke(app, ["plan", "-w", str(opened.root), *options])
    if isinstance(result.exception, PlanError):
        return 1, result.stdout, str(result.exception)
    assert result.exception is None, result.exception
    return result.exit_code, result.stdout, ""


def fingerprints(opened) -> dict[Path, str]:
    """Every file of the workspace that a plan must leave alone."""
    places = [opened.warehouse, *opened.published.rglob("*"), *opened.landing.rglob("*")]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in places if path.is_file()}


def test_a_change_of_open_months_moves_what_it_says_and_touches_nothing(sound):
    """From October, tag b2 belongs to A (6.00), and the pool's 8.00 are shared by heads 1:3 (4/4 -> 2/6)."""
    dated = ("m,0,tag,CostCenter,B2,A,100,2026-10-01,,",)
    decide(sound, "allocation_rules", *RULES, *dated)
    decide(sound, "shared_cost_rules", POOL.format("headcount_based"))
    before = fingerprints(sound)

    code, text, _ = finops_plan(sound, "--json")

    assert code == 0
    assert fingerprints(sound) == before
    document = json.loads(text)
    assert {c["decision"]: (c["rows_added"], c["rows_removed"]) for c in document["changes"]} == {
        "allocation_rules": (1, 0),
        "shared_cost_rules": (1, 1),
    }
    with (sound.reports / "plan" / "plan.csv").open() as file:
        found = [(r["cost_center_id"], r["amount_before"], r["amount_after"], r["amount_moved"], r["posting_period"])
                 for r in csv.DictReader(file)]  # fmt: skip
    assert found == [("A", "14.00", "18.00", "4.00", OCTOBER), ("B", "10.00", "6.00", "-4.00", OCTOBER)]
    assert [(m["cost_center_id"], Decimal(m["amount_moved"])) for m in document["moves"]] == [("A", 4), ("B", -4)]
    rules = duckdb.sql(
        "select cost_center_id, rule_id, method, cost_moved::varchar "
        f"from read_parquet('{sound.reports}/plan/plan-rules.parquet') order by all"
    ).fetchall()
    assert [(*rule[:3], Decimal(rule[3])) for rule in rules] == [
        ("A", "m", "direct", Decimal(6)),
        ("A", "shared", "equal_split", Decimal(-4)),
        ("A", "shared", "headcount_based", Decimal(2)),
        ("B", "b", "direct", Decimal(-6)),
        ("B", "shared", "equal_split", Decimal(-4)),
        ("B", "shared", "headcount_based", Decimal(6)),
    ]


def test_a_change_that_reaches_a_closed_month_is_refused_and_shown(sound):
    """Domain page 4.10, G16: 30.00 of the closed September would go from B to A, as adjustments in October."""
    decide(sound, "allocation_rules", *RULES, "m,0,tag,CostCenter,B2,A,100,,,")

    code, text, error = finops_plan(sound)

    assert code == 1
    assert "would change closed months: 2026-09" in error and "Date the rows from the first open month" in error
    lines = [line.split() for line in text.splitlines()]
    assert ["2026-09*", "A", "USD", "100.00", "130.00", "+30.00"] in lines
    assert ["2026-09*", "B", "USD", "50.00", "20.00", "-30.00"] in lines
    assert ["2026-10", "A", "USD", "14.00", "20.00", "+6.00"] in lines
    assert ["m", "USD", "0.00", "36.00", "36.00"] in lines
    assert "* closed: would be posted as adjustments in 2026-10" in text
    assert "36.00 USD change hands in 2026-09 to 2026-10, 2 cost centres." in text
    assert max(len(line) for line in text.splitlines() if str(sound.root) not in line) <= 80


def test_adjustments_may_be_wanted():
    """`--adjust` only spares the refusal; a plan of open months is never refused."""
    move = Move(SEPTEMBER, OCTOBER, "closed", A, "USD", *map(Decimal, ("100", "130", "30", "30")), None, None)
    with pytest.raises(PlanError, match="closed months: 2026-09.*finops plan --adjust"):
        Plan("run", [], [move], [], [], []).refuse_closed_months()
    Plan("run", [], [replace(move, status="soft_closed")], [], [], []).refuse_closed_months()


def test_a_plan_tells_what_split_rules_would_not_claim(capsys):
    """Whether or not money moves: a cost centre that ends may leave its rule with nothing to claim."""
    change = FileChange("cost_centers", 2, 2, 1, 1, decides_allocation=True)
    gap = RuleGap("web", "G", "USD", date(2026, 10, 1), date(2026, 10, 3), Decimal(40))

    print_plan(Plan("run", [change], [], [], [gap], []), Console(), str)

    text = capsys.readouterr().out
    assert "Gap: rule web splits with G, which does not exist on 2026-10-01 to 2026-10-03:\n" in text
    assert "No money moves." in text and max(map(len, text.splitlines())) <= 80


def test_nothing_pending_moves_nothing_and_replaces_the_previous_plan(sound):
    """An old plan must not lie there as if it were still to come."""
    code, text, _ = finops_plan(sound)
    assert (code, text.split(":")[0]) == (0, "Nothing is pending")
    assert (sound.reports / "plan" / "plan.csv").read_text().count("\n") == 1


def test_decisions_that_no_build_would_take_are_refused(sound):
    """The same sentences as `finops build`, before anything is computed."""
    decide(sound, "allocation_rules", *RULES, "m,0,tag,CostCenter,B2,C,100,,,")
    with pytest.raises(DecisionError, match="cost centre 'C' is not in cost_centers.csv"):
        plan(sound)


def test_a_plan_needs_a_published_run(tmp_path):
    (tmp_path / "finops.toml").write_text("")
    with pytest.raises(PlanError, match="nothing has been published yet.*Run `finops run` first"):
        plan(open_workspace(tmp_path))
