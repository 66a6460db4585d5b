"""The FOCUS 1.4 companion datasets and Google's commitments, on a built company: totals come from the landed files."""

import shutil
from decimal import Decimal

import duckdb
import pytest

from pipelines.outputs.publish import publish
from pipelines.settings import Workspace


@pytest.fixture(scope="module")
def ledger(built):
    with duckdb.connect(str(built.warehouse), read_only=True) as con:
        yield con


def test_invoice_details_add_up_to_what_the_invoices_bill(ledger, built):
    """Per invoice the details are the legacy CUR's own unblended costs, to the last decimal, added up in Python."""
    landed = duckdb.sql(
        "select bill_invoice_id, line_item_unblended_cost from "
        f"'{built.landing}/cur/source=*/billing_period=2*/data.parquet' where coalesce(bill_invoice_id, '') <> ''"
    ).fetchall()
    assert landed
    expected: dict[str, Decimal] = {}
    for invoice, cost in landed:
        expected[invoice] = expected.get(invoice, Decimal(0)) + (cost or Decimal(0))

    found = ledger.execute("select InvoiceId, sum(BilledCost) from focus_invoice_detail group by 1").fetchall()

    assert {invoice: total for invoice, total in found if invoice in expected} == expected


def test_invoice_details_have_the_dates_of_the_invoices_that_landed(ledger, built):
    """Straight from the invoice files; a charge's invoice that has not landed has no dates."""
    columns = "bill, invoice_id, issued_on, due_on"
    invoices = duckdb.sql(
        f"select distinct {columns} from read_csv('{built.root}/exports/invoices/*.csv', all_varchar = true)"
    ).fetchall()
    dates = {invoice: (issued, due) for _, invoice, issued, due in invoices}
    found = ledger.execute(
        "select InvoiceId, cast(InvoiceIssueDate as date)::varchar, cast(PaymentDueDate as date)::varchar, "
        "InvoiceIssueStatus from focus_invoice_detail"
    ).fetchall()

    assert any(issued for _, issued, _, _ in found)
    for invoice, issued, due, status in found:
        assert (issued, due) == dates.get(invoice, (None, None)), invoice
        assert status == "Issued" or issued is None


def test_every_charge_has_its_billing_period_and_every_commitment_is_listed(ledger):
    """The keys that FOCUS joins the datasets on find exactly one row, for every charge."""
    missing = ledger.execute(
        "select count(*) from int_focus__charges as c left join focus_billing_period as p on "
        "c.invoice_issuer_name = p.InvoiceIssuerName and c.billing_period_start = p.BillingPeriodStart "
        "and c.billing_period_end = p.BillingPeriodEnd where p.BillingPeriodStatus is null"
    ).fetchone()
    of_charges = ledger.execute(
        "select distinct commitment_discount_id from int_focus__charges where commitment_discount_id is not null"
    ).fetchall()
    listed = ledger.execute("select distinct ContractCommitmentId from focus_contract_commitment").fetchall()

    assert missing == (0,) and of_charges and set(of_charges) == set(listed)
    assert ledger.execute(
        "select count(*) from focus_billing_period where BillingPeriodCreated is null"
    ).fetchone() == (0,)


def test_what_a_bill_can_not_tell_is_empty_and_named(ledger):
    """No term, date or quantity is made up: a column named as a gap is empty on every row."""
    for table in ("focus_invoice_detail", "focus_contract_commitment"):
        gaps = ledger.execute(f"select distinct x_gaps from {table}").fetchall()
        assert len(gaps) == 1
        for column in gaps[0][0].split(","):
            assert ledger.execute(f"select count({column}) from {table}").fetchone() == (0,), column


def test_the_companion_datasets_are_published(built, tmp_path):
    """Readers find them beside the other marts."""
    shutil.copytree(built.root, tmp_path / "w", symlinks=True)

    marts = publish(Workspace.open(tmp_path / "w")).marts

    assert {"focus_billing_period", "focus_invoice_detail", "focus_contract_commitment"} <= set(marts)
    assert all(marts[f"focus_{name}"] for name in ("billing_period", "invoice_detail", "contract_commitment"))


def test_each_commitment_of_google_costs_what_it_bills(ledger):
    """Over all months, fees and what was used and unused of them are the same money, per commitment."""
    rows = ledger.execute(
        "select commitment_discount_id, sum(billed_cost), sum(effective_cost), "
        "sum(case when commitment_discount_status = 'Unused' then effective_cost else 0 end) "
        "from int_focus__charges where x_provider = 'gcp' and commitment_discount_id is not null group by 1"
    ).fetchall()

    assert len(rows) == 2
    assert all(
        billed == effective > unused >= 0 or billed == effective == unused > 0 for _, billed, effective, unused in rows
    )
