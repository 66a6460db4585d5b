"""What is published without a rate or an invoice is said with its month, currency and amount."""

from datetime import date

import duckdb
import pytest

from pipelines.invoices import awaited_invoices
from pipelines.rates import missing_rates


@pytest.fixture
def marts():
    with duckdb.connect() as con:
        con.execute(
            "create table fct_daily_costs (billing_period varchar, billing_currency varchar, "
            "billed_cost decimal(28, 12), effective_cost decimal(28, 12), effective_cost_reporting decimal(28, 12))"
        )
        con.execute(
            "create table fct_invoice_reconciliation (x_source varchar, billing_period varchar, invoice_id varchar, "
            "seller varchar, charge_currency varchar, charges_total decimal(28, 12), "
            "marketplace_difference decimal(28, 12), status varchar)"
        )
        yield con


def test_every_month_and_currency_without_a_rate_is_named(marts):
    """Costs of zero need no rate, and a rate of one month is none of another."""
    marts.execute(
        "insert into fct_daily_costs values ('2026-09', 'USD', 5, 5, 5), ('2026-09', 'EUR', 7, 7, 8.05), "
        "('2026-10', 'EUR', 7, 7, null), ('2026-11', 'EUR', 0, 3, null), ('2026-10', 'JPY', 9, 9, null), "
        "('2026-10', 'GBP', 0, 0, null)"
    )

    error = missing_rates(marts, "USD")

    assert error is not None
    assert error.what == "has no rate EUR to USD for 2026-10, 2026-11; JPY to USD for 2026-10"
    assert error.where == "decisions/fx_rates.csv" and "never zero" in error.done and "finops run" in error.fix


def test_costs_that_all_have_a_rate_are_no_error(marts):
    marts.execute("insert into fct_daily_costs values ('2026-09', 'USD', 5, 5, 5), ('2026-09', 'EUR', 7, 7, 8.05)")

    assert missing_rates(marts, "USD") is None


def test_invoices_are_awaited_of_months_that_are_over(marts):
    """October's is missing from 1 November on; found ones and months that still run are not."""
    marts.execute(
        "insert into fct_invoice_reconciliation values "
        "('payer', '2026-10', '~missing', null, 'USD', 100, 20, 'missing'), "
        "('payer', '2026-09', 'A-1', null, 'USD', 90, 0, 'ok'), "
        "('payer', '2026-11', '~missing', null, 'USD', 5, 0, 'missing'), "
        "('azure', '2026-10', 'E-7', 'Contoso', 'EUR', 8, null, 'missing')"
    )

    assert awaited_invoices(marts, date(2026, 10, 31)) == []
    assert awaited_invoices(marts, date(2026, 11, 1)) == [
        "2026-10  azure: no invoice of Contoso for 8.00 EUR (charges name E-7)",
        "2026-10  payer: no invoice of the provider for 120.00 USD",
    ]
