"""Currencies: amounts of any size and minor unit, rates that closed months keep, and what other rates make of them."""

import csv
import shutil
from decimal import Decimal

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.build import register_deliveries
from pipelines.landing import land
from pipelines.landing.books import JOURNAL, LINES, RATES, Posting, record, register_books
from pipelines.landing.deliveries import landed_deliveries
from pipelines.outputs.journal import write_journal
from tests.integration.allocation_models import Charge
from tests.integration.bills import open_workspace

CENTERS = [f"{name},Team {name},,,,,,6{n}00,1,0,2026-01-01," for n, name in enumerate("AB", start=1)]
OWN = [f"own-{name},1,account,,{name},{name},100,,," for name in "AB"]
DECISIONS = {"cost_centers": CENTERS, "allocation_rules": OWN}
HEADER = (
    "BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BillingCurrency,ChargeCategory,ServiceName,"
    "ServiceCategory,ProviderName,SubAccountId,BilledCost,EffectiveCost,ListCost,ContractedCost"
).split(",")


def bill(root, month: str, *charges: tuple[str, str, str]) -> None:
    """One FOCUS file of a month: (account, currency, cost) each."""
    start, end = f"{month}-01T00:00:00Z", f"{month[:5]}{int(month[5:]) + 1:02d}-01T00:00:00Z"
    rows = [
        [start, end, start, f"{month}-02T00:00:00Z", currency, "Usage", "Compute", "Compute", "Other Cloud", account,
         cost, cost, cost, cost]
        for account, currency, cost in charges
    ]  # fmt: skip
    folder = root / "bills" / month
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "focus.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])


def test_a_month_of_ten_trillion_rupiah_lands_and_is_registered_to_the_last_decimal(tmp_path):
    """7,500,000,000,000.25 twice and a fraction beyond 12 decimals: 15 trillion with all of their digits."""
    bill(tmp_path, "2026-09", ("A", "IDR", "7500000000000.25"), ("B", "IDR", "7500000000000.2500000000000004"))
    opened = open_workspace(
        tmp_path, {"name": "bill", "provider": "other", "format": "focus", "uri": str(tmp_path / "bills")}
    )
    assert not land(opened).failed
    total = next(t for t in landed_deliveries(opened)[0].totals if t.metric == "billed_cost")
    assert total.source == Decimal("15000000000000.5000000000000004")
    assert (total.rounding, total.landed) == (Decimal("4e-16"), Decimal("15000000000000.5"))
    register_deliveries(opened)
    registered = duckdb.sql(
        "select source_total, rounding_total, landed_total "
        f"from '{opened.landing}/register/control_totals.parquet' where metric = 'billed_cost'"
    ).fetchall()
    assert registered == [(Decimal("15000000000000.5"), Decimal("4e-16"), Decimal("15000000000000.5"))]


def test_statements_and_journal_count_in_whole_yen_mils_of_a_dinar_and_cents_and_hold_trillions(models, tmp_path):
    """Half a yen and half a mil are rounding; 1,000.50 JPY are 1,000 or 1,001 yen, never 1,000.50."""
    charges = [
        Charge("1000.50", "A", currency="JPY"), Charge("2000.50", "B", currency="JPY"),
        Charge("3.0005", "A", currency="KWD"), Charge("1.0005", "B", currency="KWD"),
        Charge("12345678901234.56", "A", currency="IDR"),
        Charge("10.005", "A", currency="USD"), Charge("20.005", "B", currency="USD"),
    ]  # fmt: skip
    with models.allocated(charges, DECISIONS) as con:
        lines = con.execute(
            "select currency, cost_center_id, amount from fct_chargeback where kind <> 'rounding' order by all"
        ).fetchall()
        sums = dict(con.execute("select currency, sum(amount) from fct_chargeback group by 1").fetchall())
        path = tmp_path / "marts.duckdb"
        con.execute(f"attach '{path}' as marts")
        con.execute("create table marts.fct_chargeback_journal as from fct_chargeback_journal")
        con.execute("detach marts")
    assert lines == [
        ("IDR", "A", Decimal("12345678901234.56")),
        ("JPY", "A", Decimal(1000)), ("JPY", "B", Decimal(2001)),
        ("KWD", "A", Decimal("3.001")), ("KWD", "B", Decimal("1.000")),
        ("USD", "A", Decimal("10.00")), ("USD", "B", Decimal("20.01")),
    ]  # fmt: skip
    assert sums == {"JPY": 3001, "KWD": Decimal("4.001"), "USD": Decimal("30.01"), "IDR": Decimal("12345678901234.56")}
    columns = [(field, field) for field in ("currency", "account", "debit", "credit")]
    write_journal(path, "2026-10", columns, tmp_path / "journal.csv")
    with (tmp_path / "journal.csv").open() as file:
        journal = sorted(map(tuple, csv.reader(file)))
    assert [row for row in journal if row[0] in ("JPY", "KWD", "USD")] == [
        ("JPY", "6100", "1000", "0"), ("JPY", "6200", "2001", "0"), ("JPY", "6999", "0", "3001"),
        ("KWD", "6100", "3.001", "0.000"), ("KWD", "6200", "1.000", "0.000"), ("KWD", "6999", "0.000", "4.001"),
        ("USD", "6100", "10.00", "0.00"), ("USD", "6200", "20.01", "0.00"), ("USD", "6999", "0.00", "30.01"),
    ]  # fmt: skip


AVERAGES = ["2026-09,EUR,USD,1.10,monthly_average,ECB", "2026-09,JPY,USD,0.007,monthly_average,ECB",
            "2026-10,EUR,USD,1.20,monthly_average,ECB", "2026-10,JPY,USD,0.007,monthly_average,ECB"]  # fmt: skip
INVOICE_FIRST = {"allocation_policies": ["fx_rate_order,invoice>monthly_average,,"]}
SEPTEMBER = [
    Charge("100", "A", currency="EUR", day="2026-09-01"),
    Charge("1000", "B", currency="JPY", day="2026-09-01"),
    Charge("50", "A", currency="USD", day="2026-09-01"),
]
LATER = [
    Charge("130", "A", currency="EUR", day="2026-09-01"),
    *SEPTEMBER[1:],
    Charge("10", "A", currency="EUR", day="2026-10-01"),
    Charge("2000", "B", currency="JPY", day="2026-10-01"),
]
COLUMNS = "cost_center_id, kind, currency, amount, amount_reporting"


def columns_of(schema) -> str:
    return ", ".join(name for name in schema.names if name not in ("sequence", "revision"))


def post(models, con: duckdb.DuckDBPyConnection, period: str) -> None:
    """Close a month as `finops close` does: its lines, its journal and its rates go into the books."""
    posting = Posting(
        con.execute(
            f"select {columns_of(LINES)} from fct_chargeback where posting_period = ? "
            "and status <> 'closed' order by line_id", [period]
        ).to_arrow_table(),
        journal=con.execute(
            f"select {columns_of(JOURNAL)} from fct_chargeback_journal "
            "where billing_period = ? and not is_posted order by journal_id, line_no", [period]
        ).to_arrow_table(),
        rates=con.execute(
            f"select {columns_of(RATES)} from dim_fx_rates where billing_period = ?", [period]
        ).to_arrow_table(),
    )  # fmt: skip
    record(models.workspace, "close", period, "hash", posting, "2026-10-05T00:00:00Z", "Dana")
    register_books(models.workspace)


@pytest.fixture
def books(models):
    """The models with books of their own; the next test finds none."""
    yield models
    shutil.rmtree(models.workspace.landing / "books", ignore_errors=True)
    register_books(models.workspace)


def test_a_closed_month_keeps_its_rate_and_what_another_makes_of_it_is_posted_in_the_first_open_one(books):
    """September closes at 1.10; its invoice says 1.12 and 30 EUR come late: 33.00 at 1.10, and 2.60 FX on 130 EUR."""
    with books.allocated(SEPTEMBER, DECISIONS | {"fx_rates": AVERAGES}) as con:
        assert con.execute(f"select {COLUMNS} from fct_chargeback where amount <> 0 order by all").fetchall() == [
            ("A", "direct", "EUR", 100, 110), ("A", "direct", "USD", 50, 50), ("B", "direct", "JPY", 1000, 7),
        ]  # fmt: skip
        post(books, con, "2026-09")

    invoiced = DECISIONS | INVOICE_FIRST | {"fx_rates": [*AVERAGES, "2026-09,EUR,USD,1.12,invoice,INV-1"]}
    with books.allocated(LATER, invoiced) as con:
        rates = "select rate, rate_type, source, is_kept, decided_rate, is_superseded from dim_fx_rates"
        assert con.execute(f"{rates} where billing_period = '2026-09' and from_currency = 'EUR'").fetchall() == [
            (Decimal("1.10"), "monthly_average", "ECB", True, Decimal("1.12"), True)
        ]
        lines = con.execute(
            f"select {COLUMNS} from fct_chargeback where posting_period = '2026-10' and kind <> 'rounding' order by all"
        ).fetchall()
        assert lines == [
            ("A", "adjustment", "EUR", 30, 33), ("A", "direct", "EUR", 10, 12), ("B", "direct", "JPY", 2000, 14),
            ("~fx", "fx", "EUR", 0, Decimal("2.60")),
        ]  # fmt: skip
        sums = con.execute(
            "select currency, sum(amount), sum(amount_reporting) from fct_chargeback where billing_period = '2026-09' "
            "group by 1 order by 1"
        ).fetchall()
        assert sums == [("EUR", 130, Decimal("145.60")), ("JPY", 1000, 7), ("USD", 50, 50)]  # 130 x 1.12
        journal = con.execute(
            "select currency, account, cost_center_id, debit, credit from fct_chargeback_journal "
            "where billing_period = '2026-10' order by currency, line_no"
        ).fetchall()
        assert journal == [
            ("EUR", "6100", "A", 30, 0), ("EUR", "6100", "A", 10, 0), ("EUR", "6999", None, 0, 30),
            ("EUR", "6999", None, 0, 10), ("JPY", "6200", "B", 2000, 0), ("JPY", "6999", None, 0, 2000),
            ("USD", "6000", "~fx", Decimal("2.60"), 0), ("USD", "6999", None, 0, Decimal("2.60")),
        ]  # fmt: skip
        post(books, con, "2026-10")

    with books.allocated(LATER, invoiced) as con:
        assert con.execute("select count(*) from fct_chargeback where status <> 'closed'").fetchone() == (0,)
    corrected = invoiced | {"fx_rates": [*AVERAGES, "2026-09,EUR,USD,1.08,invoice,INV-1"]}
    with books.allocated(LATER, corrected) as con:
        select = f"select posting_period, {COLUMNS} from fct_chargeback where status <> 'closed'"
        # 130 x (1.08 - 1.10) - 2.60
        assert con.execute(select).fetchall() == [("2026-11", "~fx", "fx", "EUR", 0, Decimal("-5.20"))]
    with books.allocated(LATER, DECISIONS | {"fx_rates": AVERAGES[1:]}) as con:
        assert con.execute(
            "select rate, decided_rate from dim_fx_rates where billing_period = '2026-09' and from_currency = 'EUR'"
        ).fetchall() == [(Decimal("1.10"), None)]  # a rate that was deleted is still the closed month's


PERIODS = "billing_period varchar, status varchar, revisions bigint, first_open_period varchar"
RATE = """
create or replace table int_currency__decided_rates as
select '2026-09' as billing_period, currency as from_currency, 'USD' as to_currency,
    cast(? as decimal(18, 10)) as rate, 'closing' as rate_type, 'ECB' as source
from unnest(['EUR', 'JPY']) as t(currency)
"""
MONEY = st.decimals(-9999, 9999, places=2)
STEP = st.tuples(st.dictionaries(st.sampled_from(["EUR", "JPY"]), MONEY, min_size=1), st.decimals("0.5", "2", places=4))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=2, max_size=4))
def test_whatever_rates_and_bills_become_a_closed_month_sums_to_its_ledger_in_every_currency(models, steps):
    """Each step closes the next month: own currency = the bill of now, reporting = that at the rate of now."""
    sql = {m["name"]: m["compiled_code"] for m in models._models}
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as warehouse")
        con.execute("use warehouse")
        for name, schema in (("lines", LINES), ("rates", RATES)):
            con.register("empty", schema.empty_table())
            con.execute(f"create table stg_finops__book_{name} as from empty")
        con.execute("create table stg_finops__deliveries as select '2026-09' as billing_period")
        con.execute("create table int_books__closings (billing_period varchar, sequence integer)")
        con.execute(f"create table int_books__periods ({PERIODS})")
        for number, (bill, rate) in enumerate(steps):
            con.execute(RATE, [rate])
            con.execute(
                f"create or replace table int_chargeback__calculated as select {columns_of(LINES)} "
                "from stg_finops__book_lines where false"
            )
            for currency, amount in bill.items():
                con.execute(
                    "insert into int_chargeback__calculated by name select '2026-09' as billing_period, "
                    "'A' as cost_center_id, md5($1) as line_id, 'direct' as kind, 's' as x_source, 'p' as provider, "
                    "'x' as service_name, $2 as amount, $2 as billed_amount, $1 as currency, $3 as amount_reporting",
                    [currency, amount, amount * steps[0][1]],
                )
            for name in ("int_currency__rates", "fct_chargeback"):
                con.execute(f"create or replace table {name} as {sql[name]}")
            sums = con.execute("select currency, sum(amount), sum(amount_reporting) from fct_chargeback group by 1")
            found = {currency: totals for currency, *totals in sums.fetchall()}
            for currency in ("EUR", "JPY"):
                amount = bill.get(currency, Decimal(0))
                assert found.get(currency, [0, 0]) == [amount, amount * rate]
            con.execute(
                f"insert into stg_finops__book_lines by name select {number} as sequence, revision, "
                f"{columns_of(LINES)} from fct_chargeback where status <> 'closed'"
            )
            if number == 0:
                con.execute(
                    "insert into stg_finops__book_rates by name select 0 as sequence, 'USD' as to_currency, "
                    "billing_period, from_currency, rate, rate_type, source "
                    "from int_currency__rates where from_currency <> 'USD'"
                )
                con.execute("insert into int_books__closings values ('2026-09', 0)")
            con.execute("delete from int_books__periods")
            for closed in range(number + 1):
                months = [f"2026-{9 + closed:02d}", f"2026-{10 + number:02d}"]
                con.execute("insert into int_books__periods values (?, 'closed', 1, ?)", months)
