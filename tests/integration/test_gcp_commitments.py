"""Google's own cases of commitments shared by projects: the bill is conserved, and fees cost what is used and unused.

The cases (professional-services, Apache-2.0) are exports of 2019: credits without types, fees without subscriptions.
What they expect besides, that a commitment's named projects are served first, is not what the ledger does.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.build import build
from pipelines.landing import land
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
