"""Google's own cases of commitments shared by projects: the bill is conserved, and fees cost what is used and unused.

The cases (professional-services, Apache-2.0) are exports of 2019: credits without types, fees without subscriptions.
What they expect besides, that a commitment serves its named projects first, is fct_commitment_attribution and not the
ledger: the bill says where discounts went.
"""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.build import build, register_deliveries
from pipelines.dbt_command import run_dbt
from pipelines.errors import DecisionError
from pipelines.landing import land
from pipelines.landing.decisions import FILES, land_decisions, read_decisions
from pipelines.settings import Workspace
from tests.integration.bills import open_workspace

CASES = Path(__file__).parents[1] / "fixtures/gcp/cud_attribution"


def records(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, whether it is a list or one after the other."""
    text, found = path.read_text("utf-8").strip(), []
    while text:
        value, end = json.JSONDecoder(parse_float=str).raw_decode(text)
        found += value if isinstance(value, list) else [value]
        text = text[end:].lstrip()
    return found


def billed(rows: list[dict[str, Any]]) -> Decimal:
    credits = [credit for row in rows for credit in row.get("credits") or []]
    return sum((Decimal(x) for x in [r["cost"] for r in rows] + [c["amount"] for c in credits]), Decimal(0))


def scopes_of(case: str) -> list[str]:
    """The case's commitments as lines of commitment_scopes.csv; the cases named _b share the fee with all users.

    Google's tool compares the committed amount with hours of usage as they are, so it is the quantity of a day here.
    """
    lines = []
    for commitment in records(CASES / f"{case}__commitments.json"):
        assert commitment["commitments_cud_type"] == "Regular Usage"
        projects, folders = (
            ";".join(name.strip() for name in commitment.get(key, "").split(","))
            for key in ("project_ids", "folder_ids")
        )
        cells = [
            f"{case}-{commitment['id']}", case, commitment["commitments_unit_type"].lower(), "",
            commitment["commitments_region"], str(commitment["commitments_amount"]), projects, folders,
            "users" if case.endswith("_b") else "scope",
            commitment["commit_start_date"], commitment["commit_end_date"], "",
        ]  # fmt: skip
        lines.append(",".join(cells))
    return lines


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """All cases as one source; each is a billing account of its own."""
    root = tmp_path_factory.mktemp("cases")
    (root / "export").mkdir()
    rows = [
        json.dumps(row | {"billing_account_id": path.name.split("__")[0]})
        for path in sorted(CASES.glob("*__export.json"))
        for row in records(path)
    ]
    (root / "export/bill.json").write_text("\n".join(rows) + "\n")
    source = {"name": "gcp", "provider": "gcp", "format": "billing_export", "uri": str(root / "export")}
    workspace = open_workspace(root / "w", source)
    workspace.decisions.mkdir()
    names = sorted(path.name.split("__")[0] for path in CASES.glob("*__commitments.json"))
    lines = [",".join(FILES["commitment_scopes"]), *(line for name in names for line in scopes_of(name))]
    (workspace.decisions / "commitment_scopes.csv").write_text("\n".join(lines) + "\n")
    land(workspace)
    build(workspace)
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        yield con


def test_every_case_bills_what_its_export_and_its_expected_attribution_do(ledger):
    """Attribution moves money and makes none; the expected files are floats, so they agree to a billionth."""
    found = dict(
        ledger.execute("select billing_account_id, sum(billed_cost) from int_focus__charges group by 1").fetchall()
    )
    names = [path.name.split("__")[0] for path in CASES.glob("*__export.json")]

    assert len(names) == 14 and set(found) == set(names)
    for name in names:
        assert found[name] == billed(records(CASES / f"{name}__export.json")), name
        expected = billed(records(CASES / f"{name}__expected_billingexport_output.json"))
        # The negation row takes the fee back, and the addition rows give it out again.
        assert abs(found[name] - expected) < Decimal("0.000000001"), name


def test_every_fee_of_the_cases_costs_what_is_used_and_unused(ledger):
    """Per commitment, what it bills is what it costs; no case has less than its fee of 100 (one has none)."""
    rows = ledger.execute(
        "select billing_account_id, commitment_discount_id, sum(billed_cost), sum(effective_cost) "
        "from int_focus__charges where commitment_discount_id is not null group by all order by 1"
    ).fetchall()

    assert len(rows) == 14
    assert all(paid == cost == (0 if case == "test_3_2" else 100) for case, _, paid, cost in rows)


def test_usage_that_a_commitment_covers_is_charged_by_units(ledger):
    """7_3_b by hand: one row with credits of 35 on a cost of 10 is covered for 10 of 100 units, so costs 10."""
    rows = ledger.execute(
        "select x_rule, billed_cost, effective_cost from int_focus__charges where billing_account_id = 'test_7_3_b' "
        "and sub_account_id = 'project-2' order by x_source_row, x_rule"
    ).fetchall()

    assert rows == [("gcp/covered_usage", 0, 10), ("gcp/credit", -25, -25)] * 2


def by_project(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    projects = {row["project_id"] for row in rows}
    return {name: billed([row for row in rows if row["project_id"] == name]) for name in projects}


def component(row: dict[str, Any]) -> str:
    """What a reattribution row of the expected files is about."""
    sku = row["sku_description"]
    if "SUD" in sku:
        return "sustained_use_credit"
    return "commitment_credit" if "CUD" in sku and "COST" not in sku else "commitment_fee"


@pytest.mark.parametrize("case", sorted(path.name.split("__")[0] for path in CASES.glob("*__export.json")))
def test_every_project_of_every_case_bears_what_google_expects(ledger, case):
    """Bill and moves by project, against all rows of the expected file: original, negation and addition."""
    found = dict(
        ledger.execute(
            "select sub_account_id, sum(amount) from (select sub_account_id, billed_cost as amount, billing_account_id "
            "from int_focus__charges union all select sub_account_id, moved_amount, billing_account_id "
            "from fct_commitment_attribution) where billing_account_id = ? group by 1",
            [case],
        ).fetchall()
    )
    expected = by_project(records(CASES / f"{case}__expected_billingexport_output.json"))

    assert set(found) == set(expected)
    for project, cost in expected.items():
        assert abs(found[project] - cost) < Decimal("1e-6"), project


@pytest.mark.parametrize("case", sorted(path.name.split("__")[0] for path in CASES.glob("*__export.json")))
def test_fee_and_discounts_of_every_case_go_where_google_expects(ledger, case):
    """Each component by itself. In 9_4 Google's file gives away 10 more of the commitment's credits than the bill has.

    Its bill has credits of 100 for the commitment and 100 for sustained use; the file attributes 110 and 90, both to
    project-1. Ours are 100 and 100, since every component keeps its sum.
    """
    expected: dict[tuple[str, str], Decimal] = {}
    for row in records(CASES / f"{case}__expected_billingexport_output.json"):
        if row["sku_description"].startswith("Reattribution_Addition"):
            key = (row["project_id"], component(row))
            expected[key] = expected.get(key, Decimal(0)) + billed([row])
    if case == "test_9_4":
        assert sum(cost for (_, kind), cost in expected.items() if kind == "commitment_credit") == -110
        expected["project-1", "commitment_credit"] += 10
        expected["project-1", "sustained_use_credit"] -= 10
    found = {
        (project, kind): amount
        for project, kind, amount in ledger.execute(
            "select sub_account_id, component, sum(attributed_amount) from fct_commitment_attribution "
            "where billing_account_id = ? group by all having sum(attributed_amount) <> 0",
            [case],
        ).fetchall()
    }

    assert set(found) == {key for key, amount in expected.items() if amount}
    for key, amount in found.items():
        assert abs(amount - expected[key]) < Decimal("1e-6"), key


def test_attribution_moves_and_makes_nothing(ledger):
    """Per case and component, to the last decimal; one case has no fee, four no sustained use discount."""
    assert ledger.execute(
        "select count(*), max(abs(moved)) from (select sum(moved_amount) as moved from fct_commitment_attribution "
        "group by billing_account_id, component)"
    ).fetchall() == [(14 * 3 - 1 - 4, 0)]


FEE, CORE = "Commitment v1: N2 Cpu in Americas for 1 Year", "N2 Instance Core running in Americas"


def line(account: str, month: str, start: str, what: str, cost: int, units: int, credit: int = 0) -> str:
    """An hour of a fee or of covered usage, whose credit is its cost."""
    at = datetime.fromisoformat(start)
    fee = what == FEE
    credits = [{"name": "CUD", "type": "COMMITTED_USAGE_DISCOUNT", "amount": str(credit)}] if credit else []
    return json.dumps(
        {
            "billing_account_id": account, "invoice": {"month": month}, "cost_type": "regular", "currency": "USD",
            "currency_conversion_rate": "1", "service": {"id": "6F81", "description": "Compute Engine"},
            "sku": {"id": what[:4], "description": what}, "location": {"region": "us-west1"},
            "project": {"id": "fees" if fee else "shop"}, "subscription": {"instance_id": "S"} if fee else None,
            "labels": [{"key": "owner", "value": "finance" if fee else "ada"}],
            "usage_start_time": f"{at} UTC", "usage_end_time": f"{at + timedelta(hours=1)} UTC", "cost": str(cost),
            "usage": {"amount": units, "unit": "hour", "amount_in_pricing_units": units, "pricing_unit": "hour"},
            "credits": credits,
        }
    )  # fmt: skip


SEPTEMBER = [
    line("kept", "202609", "2026-10-01 06:00:00", FEE, 60, 10),
    line("ended", "202609", "2026-10-01 06:00:00", FEE, 60, 10),
    line("ended", "202609", "2026-10-01 06:00:00", CORE, 20, 2, -20),
]
OCTOBER = [
    line("kept", "202610", "2026-10-02 07:00:00", FEE, 60, 10),
    line("kept", "202610", "2026-10-02 07:00:00", CORE, 50, 5, -50),
    line("kept", "202610", "2026-10-01 06:00:00", CORE, 40, 4, -40),
    line("ended", "202610", "2026-10-01 06:00:00", CORE, 40, 4, -40),
]


def build_ledger(workspace: Workspace, *options: str) -> None:
    """Build what is stale of the ledger, and nothing that follows from it."""
    register_deliveries(workspace)
    arguments = ["build", "--select", "+int_focus__charges", "--exclude-resource-type", "test", "unit_test"]
    run_dbt(workspace, [*arguments, *options])


def costs_of(workspace: Workspace, account: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        return con.execute(
            "select x_billing_period, x_rule, sub_account_id, tags ->> 'owner', charge_class, "
            "coalesce(x_gaps like '%EffectiveCost%', false), sum(billed_cost), sum(effective_cost) "
            "from int_focus__charges where billing_account_id = ? group by all order by all",
            [account],
        ).fetchall()


@pytest.fixture(scope="module")
def late_bill(tmp_path_factory):
    """A ledger of October alone, whose September comes after it."""
    root = tmp_path_factory.mktemp("late")
    (root / "export").mkdir()
    source = {"name": "gcp", "provider": "gcp", "format": "billing_export", "uri": str(root / "export")}
    workspace = open_workspace(root / "w", source)
    workspace.decisions.mkdir()
    land_decisions(workspace)
    bill = root / "export/bill.json"
    bill.write_text("\n".join(OCTOBER) + "\n")
    land(workspace)
    build_ledger(workspace)
    alone = costs_of(workspace, "ended")
    bill.write_text("\n".join(SEPTEMBER + OCTOBER) + "\n")
    land(workspace)
    build_ledger(workspace)
    return workspace, alone, {account: costs_of(workspace, account) for account in ("kept", "ended")}


def test_usage_that_the_next_invoice_brings_is_paid_from_the_month_that_has_its_fee(late_bill):
    """By hand: 10 units for 60 an hour, of which September uses none and a late hour 4; October uses 5 of its own.

    September stands as it was billed, 60 unused. In October a credit of 50 costs 30, so the late one of 40 costs 24,
    and 24 of the 60 that stand unused are taken back: over both months the commitment costs its fees of 120.
    """
    assert late_bill[2]["kept"] == [
        ("2026-09", "gcp/commitment_fee", "fees", "finance", None, False, 60, 0),
        ("2026-09", "gcp/unused_commitment", "fees", "finance", None, False, 0, 60),
        ("2026-10", "gcp/commitment_fee", "fees", "finance", None, False, 60, 0),
        ("2026-10", "gcp/covered_usage", "shop", "ada", None, False, 0, 30 + 24),
        ("2026-10", "gcp/late_commitment_use", "fees", "finance", "Correction", False, 0, -24),
        ("2026-10", "gcp/unused_commitment", "fees", "finance", None, False, 0, 30),
    ]


def test_late_usage_of_a_commitment_that_has_ended_is_paid_by_its_last_month_in_whatever_order_bills_come(late_bill):
    """By hand: the last fee, 60 for 10 units, is September's; its hour has 2 units on time and 4 on October's invoice.

    Before September lands nothing says what the 4 cost: that is a named gap. Then a credit of 20 costs 12, so the late
    one of 40 costs 24, of September's unused 48. October is computed anew for it, though its delivery is the same, and
    is what a build from nothing makes. Both months together cost the fee of 60.
    """
    workspace, alone, months = late_bill

    assert alone == [("2026-10", "gcp/covered_usage", "shop", "ada", None, True, 0, 0)]
    assert months["ended"] == [
        ("2026-09", "gcp/commitment_fee", "fees", "finance", None, False, 60, 0),
        ("2026-09", "gcp/covered_usage", "shop", "ada", None, False, 0, 12),
        ("2026-09", "gcp/unused_commitment", "fees", "finance", None, False, 0, 48),
        ("2026-10", "gcp/covered_usage", "shop", "ada", None, False, 0, 24),
        ("2026-10", "gcp/late_commitment_use", "fees", "finance", "Correction", False, 0, -24),
    ]

    build_ledger(workspace, "--full-refresh")

    assert costs_of(workspace, "ended") == months["ended"]


def test_a_scope_that_names_nobody_or_a_neighbour_s_account_is_refused(tmp_path):
    opened = open_workspace(tmp_path / "w")
    opened.decisions.mkdir()
    lines = [
        ",".join(FILES["commitment_scopes"]),
        "a,B,ram,,us-west1,100,p1;p2,,scope,,,",
        "b,B,ram,,us-west1,50,p2,,users,,,",
        "c,B,cpu,,us-west1,50,,,scope,,,",
    ]
    (opened.decisions / "commitment_scopes.csv").write_text("\n".join(lines) + "\n")

    with pytest.raises(DecisionError) as refused:
        read_decisions(opened)

    said = str(refused.value)
    assert "line 3: 'p2' is also in line 2 at the same time" in said
    assert "line 3, column fee_paid_by: 'users' differs from line 2" in said
    assert "line 4, column accounts: names nobody" in said
