"""Currencies: amounts of any size and minor unit."""

import csv
from decimal import Decimal

import duckdb

from pipelines.build import register_deliveries
from pipelines.landing import land
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
