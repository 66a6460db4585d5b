"""What commitments did, on the sample company: the marts against the ledger, added up another way."""

from datetime import date
from decimal import Decimal

import duckdb
import pytest


@pytest.fixture(scope="module")
def con(built):
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        yield connection


def test_a_commitments_days_add_up_to_its_lines_of_the_ledger(con):
    """Costs by commitment, added in Python from single ledger lines."""
    expected: dict[tuple[str, str], Decimal] = {}
    for commitment, status, cost in con.execute(
        "select commitment_discount_id, commitment_discount_status, effective_cost from int_focus__charges "
        "where commitment_discount_status is not null"
    ).fetchall():
        key = (commitment, status)
        expected[key] = expected.get(key, Decimal(0)) + cost
    found = con.execute(
        "select commitment_id, sum(used_cost), sum(unused_cost) from fct_commitments group by 1"
    ).fetchall()
    assert len(found) == 13
    for commitment, used, unused in found:
        assert used == expected.get((commitment, "Used"), Decimal(0))
        assert unused == expected.get((commitment, "Unused"), Decimal(0))


def test_the_samples_plan_sells_at_72_percent_and_its_term_comes_from_the_list_of_commitments(con):
    """A Savings Plan of the sample sells usage at 72 % of on demand, for three years from March of the year before."""
    row = con.execute(
        "select round(discount, 4), term_months, starts_on, term_source, round(break_even_months, 2) "
        "from fct_commitments "
        "where commitment_type = 'Savings Plan' and payment_option = 'No Upfront' and provider = 'aws' limit 1"
    ).fetchone()
    assert row == (Decimal("0.28"), 36, date(2025, 3, 1), "inventory", Decimal("25.92"))


def test_coverage_of_a_pool_adds_up_over_its_commitments(con):
    """Per pool and day the commitments' coverages sum to covered over eligible, to the rounding of six decimals."""
    worst = con.execute(
        "select max(abs(total - covered / eligible)) from (select sum(coverage) as total, "
        "cast(sum(covered_cost) as double) as covered, cast(max(pool_eligible_cost) as double) as eligible "
        "from fct_commitments where pool_eligible_cost > 0 group by pool_id, charge_date)"
    ).fetchone()[0]
    assert 0 <= worst < 0.00001


def test_the_ladder_shares_of_a_provider_sum_to_one_and_expired_ones_are_not_in_it(con):
    rows = con.execute(
        "select provider, sum(share_of_total), min(ends_in), min(days_to_expiry) from rpt_commitment_expiry group by 1"
    ).fetchall()
    assert {row[0] for row in rows} == {"aws", "azure", "gcp"}
    for _, share, first, days in rows:
        assert abs(share - 1) < Decimal("0.00001")
        assert first > "2026-10" and (days is None or days > 0)


def test_list_and_bill_of_the_samples_commitments_agree_and_give_every_end(con):
    """Ten commitments are active at the end, and each costs an hour on the bill what its list says, to 1 %.

    Google's bill tells no end and Azure's plan none: the list does.
    """
    rows = con.execute(
        "select finding, count(*), count(ends_on), count(way_out) from rpt_commitment_inventory group by 1 order by 1"
    ).fetchall()
    assert rows == [("agrees", 10, 10, 10), ("ended", 3, 2, 0)]
    assert con.execute("select sum(not_billed) from rpt_commitment_expiry where ends_in = '~unknown'").fetchall() == [
        (None,)
    ]
